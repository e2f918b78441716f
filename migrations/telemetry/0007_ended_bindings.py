"""Derivation heads say since when nothing is fitted any more; old quarantine is found by an index.

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE telemetry.derivation_heads ADD COLUMN over_at timestamptz")
    op.execute(
        "CREATE INDEX ix_quarantined_positions_last_received_at"
        " ON telemetry.quarantined_positions (last_received_at)"
    )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
