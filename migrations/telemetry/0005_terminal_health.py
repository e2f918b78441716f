"""Health of terminals: when each was heard, how far its clock is off, how often it jumps or restarts.

Revision ID: 0005
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Counted where the newest position is written anyway, so that counting writes no row more.
_LATEST = """
ALTER TABLE telemetry.latest_positions
    ADD COLUMN boot bigint,
    ADD COLUMN counted_on date,
    ADD COLUMN steps integer NOT NULL DEFAULT 0,
    ADD COLUMN jumps integer NOT NULL DEFAULT 0,
    ADD COLUMN restarts integer NOT NULL DEFAULT 0
"""
_HEALTH = """
CREATE TABLE telemetry.terminal_health (
    terminal_key integer NOT NULL,
    heard_at timestamptz NOT NULL,
    minutes integer[] NOT NULL,
    minute_delays_ms bigint[] NOT NULL,
    hours integer[] NOT NULL,
    hour_delays_ms bigint[] NOT NULL,
    clock_offset_ms bigint,
    clock_drift_ms_per_day bigint,
    CONSTRAINT pk_terminal_health PRIMARY KEY (terminal_key)) WITH (fillfactor = 50)
"""
_OWN_KEY = (
    "terminal_key IN"
    " (SELECT t.terminal_key FROM telemetry.terminals t WHERE t.enterprise_id = public.app_enterprise())"
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(_LATEST)
    op.execute(_HEALTH)
    sees = f"public.app_is_bureau() OR {_OWN_KEY}"
    protect_table(op, "telemetry.terminal_health", sees, sees)
    op.execute("REVOKE INSERT, UPDATE, DELETE ON telemetry.terminal_health FROM telemetry_api")


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
