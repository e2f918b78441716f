"""Retention: days of positions closed, aggregated, held and dropped; legal holds; 5-minute aggregates.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE telemetry.position_days (
    day date NOT NULL,
    closed_at timestamptz NOT NULL,
    aggregated_at timestamptz,
    dropped_at timestamptz,
    held bigint NOT NULL DEFAULT 0,
    hold_ids uuid[] NOT NULL DEFAULT '{}',
    CONSTRAINT pk_position_days PRIMARY KEY (day));
CREATE TABLE telemetry.legal_holds (
    id uuid NOT NULL,
    vehicle_id uuid,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    reason varchar(1000) NOT NULL,
    reference varchar(200),
    owner_role varchar(32) NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_by varchar(200) NOT NULL,
    placed_by_name varchar(200) NOT NULL,
    gone_before timestamptz,
    lifted_at timestamptz,
    lifted_by varchar(200),
    lifted_by_name varchar(200),
    lift_reason varchar(1000),
    CONSTRAINT pk_legal_holds PRIMARY KEY (id),
    CONSTRAINT ck_legal_holds_interval CHECK (ends_at > starts_at),
    CONSTRAINT ck_legal_holds_lifted CHECK (num_nulls(lifted_at, lifted_by, lifted_by_name, lift_reason)
        IN (0, 4)));
CREATE TABLE telemetry.track_aggregates (
    vehicle_id uuid NOT NULL,
    time timestamptz NOT NULL,
    enterprise_id uuid NOT NULL,
    fixes integer NOT NULL,
    jumps integer NOT NULL,
    first_at timestamptz NOT NULL,
    first_lon double precision NOT NULL,
    first_lat double precision NOT NULL,
    last_at timestamptz NOT NULL,
    last_lon double precision NOT NULL,
    last_lat double precision NOT NULL,
    mean_lon double precision NOT NULL,
    mean_lat double precision NOT NULL,
    length_mm bigint NOT NULL,
    moving_ms bigint NOT NULL,
    max_speed_kmh double precision,
    mileage_km double precision,
    min_cargo_temp_c double precision,
    max_cargo_temp_c double precision,
    CONSTRAINT pk_track_aggregates PRIMARY KEY (vehicle_id, time));
CREATE INDEX ix_track_aggregates_time ON telemetry.track_aggregates USING brin (time);
CREATE INDEX ix_terminal_alarms_time ON telemetry.terminal_alarms USING brin (time);
CREATE INDEX ix_terminal_commands_created_at ON telemetry.terminal_commands USING brin (created_at);
"""

# As before, and no day again that has been closed, nor one before it. The API stores positions too, of whose
# day no partition may be there yet.
_MAKE = """
CREATE OR REPLACE FUNCTION telemetry.make_position_partitions(first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    day date;
    name text;
    made integer := 0;
BEGIN
    IF last - first > 100 THEN
        RAISE EXCEPTION 'at most 100 days at once';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('telemetry.make_position_partitions', 0));
    FOR day IN SELECT generate_series(
        greatest(first, (SELECT max(d.day) + 1 FROM telemetry.position_days d)), last, interval '1 day')::date
    LOOP
        name := 'positions_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('telemetry.' || name) IS NOT NULL;
        EXECUTE format('CREATE TABLE telemetry.%I (LIKE telemetry.positions INCLUDING ALL)', name);
        EXECUTE format('REVOKE ALL ON telemetry.%I FROM telemetry_api', name);
        EXECUTE format('ALTER TABLE telemetry.positions ATTACH PARTITION telemetry.%I'
                       ' FOR VALUES FROM (%L) TO (%L)', name,
                       day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
        made := made + 1;
    END LOOP;
    RETURN made;
END $$
"""
_REFUSE = """
CREATE FUNCTION telemetry.refuse_closed_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = format('%s is closed', TG_TABLE_NAME);
END $$
"""
# What is aggregated and what is dropped are the same rows: after the trigger nothing comes in between.
_CLOSE = """
CREATE FUNCTION telemetry.close_position_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '200ms' AS $$
DECLARE
    name text := 'positions_' || to_char(day, 'YYYYMMDD');
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER closed BEFORE INSERT OR UPDATE ON telemetry.%I'
                   ' FOR EACH ROW EXECUTE FUNCTION telemetry.refuse_closed_day()', name);
    INSERT INTO telemetry.position_days (day, closed_at) VALUES (day, now()) ON CONFLICT DO NOTHING;
END $$
"""
_HOLDS = """
CREATE FUNCTION telemetry.holds_on(day date) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT coalesce(array_agg(h.id ORDER BY h.id), '{}') FROM telemetry.legal_holds h
    WHERE h.lifted_at IS NULL AND h.starts_at < (day + 1)::timestamp AT TIME ZONE 'UTC'
        AND (h.ends_at IS NULL OR h.ends_at > day::timestamp AT TIME ZONE 'UTC')
$$
"""
# The rows under a hold in a table that can take the day's place; the comment says under which.
_KEEP = """
CREATE FUNCTION telemetry.keep_held_positions(day date, holds uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET client_min_messages = warning AS $$
DECLARE
    name text := 'positions_' || to_char(day, 'YYYYMMDD');
    held text := 'held_' || name;
BEGIN
    IF obj_description(to_regclass('telemetry.' || held), 'pg_class') = holds::text THEN
        RETURN;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS telemetry.%I', held);
    EXECUTE format('CREATE TABLE telemetry.%I (LIKE telemetry.positions INCLUDING ALL,'
                   ' CHECK (time >= %L AND time < %L))', held,
                   day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('REVOKE ALL ON telemetry.%I FROM telemetry_api', held);
    EXECUTE format('INSERT INTO telemetry.%I SELECT p.* FROM telemetry.legal_holds h JOIN telemetry.%I p'
                   ' ON p.time >= h.starts_at AND (h.ends_at IS NULL OR p.time < h.ends_at)'
                   ' WHERE h.id = any($1) AND h.vehicle_id IS NULL ON CONFLICT DO NOTHING', held, name)
        USING holds;
    EXECUTE format('INSERT INTO telemetry.%I SELECT p.* FROM telemetry.legal_holds h'
                   ' JOIN telemetry.terminal_bindings b USING (vehicle_id) JOIN telemetry.%I p'
                   ' ON p.terminal_key = b.terminal_key AND p.time >= greatest(h.starts_at, b.valid_from)'
                   ' AND p.time < least(coalesce(h.ends_at, %L), coalesce(b.valid_to, %L))'
                   ' WHERE h.id = any($1) ON CONFLICT DO NOTHING', held, name, 'infinity', 'infinity')
        USING holds;
    EXECUTE format('CREATE TRIGGER closed BEFORE INSERT OR UPDATE ON telemetry.%I'
                   ' FOR EACH ROW EXECUTE FUNCTION telemetry.refuse_closed_day()', held);
    EXECUTE format('COMMENT ON TABLE telemetry.%I IS %L', held, holds);
END $$
"""
# The day's partition goes, and what is held takes its place. Who waits for the parent keeps others waiting:
# never longer than the timeout. Whoever places a hold takes the same advisory lock.
_DROP = """
CREATE FUNCTION telemetry.drop_position_day(day date, holds uuid[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public SET lock_timeout = '200ms' AS $$
DECLARE
    name text := 'positions_' || to_char(day, 'YYYYMMDD');
    kept text := 'held_' || name;
    rows bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM telemetry.%I', kept) INTO rows;
    PERFORM pg_advisory_xact_lock(hashtextextended('telemetry.legal_holds', 0));
    IF telemetry.holds_on(day) <> holds
        OR obj_description(('telemetry.' || kept)::regclass, 'pg_class') IS DISTINCT FROM holds::text THEN
        RETURN false;
    END IF;
    EXECUTE format('ALTER TABLE telemetry.positions DETACH PARTITION telemetry.%I', name);
    EXECUTE format('DROP TABLE telemetry.%I', name);
    IF rows = 0 THEN
        EXECUTE format('DROP TABLE telemetry.%I', kept);
    ELSE
        EXECUTE format('ALTER TABLE telemetry.%I RENAME TO %I', kept, name);
        EXECUTE format('ALTER TABLE telemetry.positions ATTACH PARTITION telemetry.%I'
                       ' FOR VALUES FROM (%L) TO (%L)', name,
                       day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
    END IF;
    UPDATE telemetry.position_days d SET dropped_at = coalesce(d.dropped_at, now()), held = rows,
        hold_ids = holds WHERE d.day = drop_position_day.day;
    RETURN true;
END $$
"""
_FOR_THE_WORKER = (
    "close_position_day(date)",
    "holds_on(date)",
    "keep_held_positions(date, uuid[])",
    "drop_position_day(date, uuid[])",
)

_OWN = "enterprise_id = public.app_enterprise()"
_POLICE = "public.app_role() = 'police'"
# Bureaus alone, not the services that `app_is_bureau` lets through: a hold is between offices.
_OFFICES = "public.app_role() IN ('police', 'transport_bureau', 'commerce_bureau', 'postal_bureau')"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for statement in filter(str.strip, _TABLES.split(";\n")):
        op.execute(statement)
    for function in (_MAKE, _REFUSE, _CLOSE, _HOLDS, _KEEP, _DROP):
        op.execute(function)
    op.execute("GRANT EXECUTE ON FUNCTION telemetry.make_position_partitions(date, date) TO telemetry_api")
    for function in _FOR_THE_WORKER:
        op.execute(f"REVOKE ALL ON FUNCTION telemetry.{function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION telemetry.{function} TO telemetry_worker")
    protect_table(op, "telemetry.track_aggregates", f"public.app_is_bureau() OR {_POLICE} OR {_OWN}", "false")
    protect_table(op, "telemetry.legal_holds", _OFFICES, f"{_OFFICES} AND owner_role = public.app_role()")
    op.execute("REVOKE INSERT, UPDATE, DELETE ON telemetry.track_aggregates FROM telemetry_api")
    op.execute("REVOKE ALL ON telemetry.position_days FROM telemetry_api")
    op.execute("GRANT SELECT (day, dropped_at) ON telemetry.position_days TO telemetry_api")
    # A hold is placed and lifted; neither is ever unsaid.
    op.execute("REVOKE UPDATE, DELETE ON telemetry.legal_holds FROM telemetry_api, telemetry_worker")
    op.execute("REVOKE INSERT ON telemetry.legal_holds FROM telemetry_worker")
    op.execute(
        "GRANT UPDATE (lifted_at, lifted_by, lifted_by_name, lift_reason)"
        " ON telemetry.legal_holds TO telemetry_api"
    )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
