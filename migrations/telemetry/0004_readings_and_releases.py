"""The log of readings of positions; quarantine counted by day of reception, and its releases.

Revision ID: 0004
"""

from alembic import op

from services.shared.audit import create_access_log
from services.shared.ddl import protect_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Of a row that came on several days before they were counted, only the first and the last day are known.
_BACKFILL = """
UPDATE telemetry.quarantined_positions q SET days = CASE WHEN d.first = d.last
    THEN jsonb_build_object(d.last, q.times) ELSE jsonb_build_object(d.first, 1, d.last, q.times - 1) END
FROM (SELECT digest, ((first_received_at AT TIME ZONE 'Asia/Shanghai')::date)::text AS first,
    ((last_received_at AT TIME ZONE 'Asia/Shanghai')::date)::text AS last
    FROM telemetry.quarantined_positions) d
WHERE d.digest = q.digest
"""
# Whoever writes `days` himself (a release) is not counted again.
_COUNT = """
CREATE FUNCTION telemetry.count_quarantined_day() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    day text := ((NEW.last_received_at AT TIME ZONE 'Asia/Shanghai')::date)::text;
    more integer := NEW.times;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        more := more - OLD.times;
    END IF;
    NEW.days := NEW.days || jsonb_build_object(day, coalesce((NEW.days ->> day)::integer, 0) + more);
    RETURN NEW;
END $$
"""
_TRIGGERS = (
    (
        "CREATE TRIGGER count_day_of_first BEFORE INSERT ON telemetry.quarantined_positions FOR EACH ROW"
        " WHEN (NEW.days = '{}') EXECUTE FUNCTION telemetry.count_quarantined_day()"
    ),
    (
        "CREATE TRIGGER count_day_of_further BEFORE UPDATE ON telemetry.quarantined_positions FOR EACH ROW"
        " WHEN (NEW.times <> OLD.times AND NEW.days = OLD.days)"
        " EXECUTE FUNCTION telemetry.count_quarantined_day()"
    ),
)
_RELEASES = """
CREATE TABLE telemetry.quarantine_releases (
    id uuid NOT NULL,
    enterprise_id uuid DEFAULT public.app_enterprise(),
    ids bigint[],
    terminal_number text,
    reasons text[],
    received_from timestamptz,
    received_to timestamptz,
    last_id bigint NOT NULL,
    reached_id bigint NOT NULL DEFAULT 0,
    status varchar(16) NOT NULL DEFAULT 'pending',
    examined bigint NOT NULL DEFAULT 0,
    released bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    requested_by varchar(200) NOT NULL,
    requested_by_name varchar(200),
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT pk_quarantine_releases PRIMARY KEY (id),
    CONSTRAINT ck_quarantine_releases_status CHECK (status IN ('pending', 'running', 'done')))
"""
_INDEXES = (
    (
        "CREATE INDEX ix_quarantine_releases_enterprise_id_id"
        " ON telemetry.quarantine_releases (enterprise_id, id)"
    ),
    "CREATE INDEX ix_quarantine_releases_open ON telemetry.quarantine_releases (id) WHERE status <> 'done'",
    (
        "CREATE INDEX ix_quarantined_positions_terminal_number_id"
        " ON telemetry.quarantined_positions (terminal_number, id)"
    ),
    (
        "CREATE INDEX ix_ingest_accounting_day_enterprise_id"
        " ON telemetry.ingest_accounting (day, enterprise_id)"
    ),
)
_OWN = "public.app_is_bureau() OR enterprise_id = public.app_enterprise()"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("ALTER TABLE telemetry.quarantined_positions ADD COLUMN days jsonb NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE telemetry.ingest_batches ADD COLUMN is_release boolean NOT NULL DEFAULT false")
    for statement in (_BACKFILL, _COUNT, *_TRIGGERS, _RELEASES, *_INDEXES):
        op.execute(statement)
    protect_table(op, "telemetry.quarantine_releases", _OWN, _OWN)
    # The worker alone carries them out.
    op.execute("REVOKE UPDATE, DELETE ON telemetry.quarantine_releases FROM telemetry_api")
    create_access_log(op, "telemetry")


def downgrade() -> None:
    raise RuntimeError("readings on record and counted days are not given up")
