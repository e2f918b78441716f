"""Trips, daily mileages, alerts and their rules; heads of derivation, cells of vehicles, seals.

Everything is derived anew: the checkpoints before this one know nothing of trips.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CONCLUSIONS = """
ALTER TABLE telemetry.visits ADD COLUMN sealed boolean NOT NULL DEFAULT false;
CREATE TABLE telemetry.trips (
    id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    start_lon double precision NOT NULL,
    start_lat double precision NOT NULL,
    end_lon double precision NOT NULL,
    end_lat double precision NOT NULL,
    length_mm bigint NOT NULL,
    loaded_mm bigint NOT NULL,
    empty_mm bigint NOT NULL,
    moving_ms bigint NOT NULL,
    idle_ms bigint NOT NULL,
    odometer_m bigint,
    max_speed_kmh double precision,
    stops jsonb NOT NULL,
    status varchar(16) NOT NULL,
    supersedes uuid,
    sealed boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT pk_trips PRIMARY KEY (id),
    CONSTRAINT ck_trips_status CHECK (status IN ('open', 'closed', 'retracted'))) WITH (fillfactor = 80);
CREATE INDEX ix_trips_vehicle_id ON telemetry.trips (vehicle_id, started_at);
CREATE INDEX ix_trips_enterprise_id ON telemetry.trips (enterprise_id, started_at, id);
CREATE TABLE telemetry.daily_mileages (
    id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    day date NOT NULL,
    fixes integer NOT NULL,
    jumps integer NOT NULL,
    first_fix_at timestamptz,
    last_fix_at timestamptz,
    length_mm bigint NOT NULL,
    loaded_mm bigint NOT NULL,
    empty_mm bigint NOT NULL,
    moving_ms bigint NOT NULL,
    idle_ms bigint NOT NULL,
    odometer_m bigint,
    is_working_day boolean NOT NULL,
    status varchar(16) NOT NULL,
    sealed boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 0,
    CONSTRAINT pk_daily_mileages PRIMARY KEY (id),
    CONSTRAINT ck_daily_mileages_status CHECK (status IN ('open', 'closed'))) WITH (fillfactor = 80);
CREATE UNIQUE INDEX uq_daily_mileages_vehicle_id_day ON telemetry.daily_mileages (vehicle_id, day);
CREATE INDEX ix_daily_mileages_enterprise_id ON telemetry.daily_mileages (enterprise_id, day, id);
CREATE INDEX ix_daily_mileages_open ON telemetry.daily_mileages (day) WHERE status = 'open';
"""

_ALERTS = """
CREATE TABLE telemetry.alert_rules (
    id uuid NOT NULL,
    owner_enterprise_id uuid,
    owner_role varchar(32) NOT NULL,
    name varchar(200) NOT NULL,
    created_by varchar(200) NOT NULL,
    created_by_name varchar(200),
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT pk_alert_rules PRIMARY KEY (id),
    CONSTRAINT ck_alert_rules_owner CHECK ((owner_enterprise_id IS NULL) = (owner_role <> 'enterprise')));
CREATE INDEX ix_alert_rules_owner_enterprise_id ON telemetry.alert_rules (owner_enterprise_id, id);
CREATE TABLE telemetry.alert_rule_versions (
    rule_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    owner_enterprise_id uuid,
    kind varchar(16) NOT NULL,
    severity varchar(16) NOT NULL,
    area_id uuid,
    area_kind varchar(32),
    events varchar(16)[] NOT NULL,
    limit_kmh double precision,
    vehicle_ids uuid[],
    enterprise_ids uuid[],
    CONSTRAINT pk_alert_rule_versions PRIMARY KEY (rule_id, valid_from),
    CONSTRAINT fk_alert_rule_versions_rule_id FOREIGN KEY (rule_id) REFERENCES telemetry.alert_rules (id),
    CONSTRAINT ck_alert_rule_versions_kind CHECK (kind IN ('area', 'overspeed')),
    CONSTRAINT ck_alert_rule_versions_severity CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT ck_alert_rule_versions_subject CHECK (
        CASE kind WHEN 'area' THEN (area_id IS NULL) <> (area_kind IS NULL) AND limit_kmh IS NULL
        ELSE limit_kmh IS NOT NULL AND area_id IS NULL AND area_kind IS NULL END));
CREATE TABLE telemetry.alerts (
    id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    kind varchar(16) NOT NULL,
    severity varchar(16) NOT NULL,
    rule_id uuid,
    for_offices boolean NOT NULL,
    area_id uuid,
    visit_id uuid,
    device_alarm varchar(32),
    without_position boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    value double precision,
    limit_value double precision,
    status varchar(16) NOT NULL,
    supersedes uuid,
    acknowledged_at timestamptz,
    acknowledged_by varchar(200),
    acknowledged_by_name varchar(200),
    note varchar(1000),
    sealed boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT pk_alerts PRIMARY KEY (id),
    CONSTRAINT ck_alerts_status CHECK (status IN ('open', 'closed', 'retracted')),
    CONSTRAINT ck_alerts_severity CHECK (severity IN ('info', 'warning', 'critical')),
    CONSTRAINT ck_alerts_acknowledged CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)));
CREATE INDEX ix_alerts_vehicle_id ON telemetry.alerts (vehicle_id, started_at);
CREATE INDEX ix_alerts_enterprise_id ON telemetry.alerts (enterprise_id, started_at, id);
CREATE INDEX ix_alerts_started_at ON telemetry.alerts (started_at, id);
CREATE INDEX ix_alerts_visit_id ON telemetry.alerts (visit_id) WHERE visit_id IS NOT NULL;
CREATE INDEX ix_alerts_without_position ON telemetry.alerts (vehicle_id, ended_at) WHERE without_position;
"""

_PLACE_KEEPING = """
CREATE TABLE telemetry.derivation_heads (
    vehicle_id uuid NOT NULL,
    time timestamptz NOT NULL,
    state bytea NOT NULL,
    cells integer[] NOT NULL,
    is_under_way boolean NOT NULL,
    silent_since timestamptz,
    CONSTRAINT pk_derivation_heads PRIMARY KEY (vehicle_id)) WITH (fillfactor = 50);
CREATE INDEX ix_derivation_heads_under_way ON telemetry.derivation_heads (time)
    WHERE is_under_way AND silent_since IS NULL;
CREATE TABLE telemetry.vehicle_cells (
    cell integer NOT NULL,
    hour integer NOT NULL,
    vehicle_id uuid NOT NULL,
    CONSTRAINT pk_vehicle_cells PRIMARY KEY (cell, hour, vehicle_id));
CREATE INDEX ix_vehicle_cells_hour ON telemetry.vehicle_cells USING brin (hour);
CREATE TABLE telemetry.seals (
    sealed_before timestamptz NOT NULL,
    sealed_at timestamptz NOT NULL,
    CONSTRAINT pk_seals PRIMARY KEY (sealed_before));
CREATE INDEX ix_pending_derivations_vehicle_id ON telemetry.pending_derivations (vehicle_id);
ALTER TABLE telemetry.vehicles ADD COLUMN refrigeration varchar(16) NOT NULL DEFAULT 'none';
"""

_ANEW = """
DELETE FROM telemetry.derivation_states;
INSERT INTO telemetry.pending_derivations (vehicle_id, since)
    SELECT vehicle_id, min(valid_from) FROM telemetry.terminal_bindings WHERE is_primary GROUP BY vehicle_id;
"""

_REFUSE = """
CREATE FUNCTION telemetry.refuse_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    free CONSTANT text[] := '{acknowledged_at,acknowledged_by,acknowledged_by_name,note,version}';
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - free = to_jsonb(OLD) - free THEN
        RETURN NEW;
    END IF;
    RAISE restrict_violation USING MESSAGE = format('%s %s is sealed', TG_TABLE_NAME, OLD.id);
END $$
"""

_SEES_ALL = "public.app_is_bureau() OR public.app_role() = 'police'"
_OWN = "enterprise_id = public.app_enterprise()"
_OWN_RULES = "owner_enterprise_id = public.app_enterprise()"
_OFFICES_RULES = "public.app_role() <> 'enterprise' AND owner_enterprise_id IS NULL"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for block in (_CONCLUSIONS, _ALERTS, _PLACE_KEEPING, _ANEW):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    for table in ("trips", "daily_mileages"):
        protect_table(op, f"telemetry.{table}", f"{_SEES_ALL} OR {_OWN}", "false")
    alerts = f"{_SEES_ALL} OR ({_OWN} AND NOT for_offices)"
    protect_table(op, "telemetry.alerts", alerts, alerts)
    rules = f"({_SEES_ALL}) AND ({_OFFICES_RULES}) OR {_OWN_RULES}"
    for table in ("alert_rules", "alert_rule_versions"):
        protect_table(op, f"telemetry.{table}", f"{_SEES_ALL} OR {_OWN_RULES}", rules)
    op.execute(_REFUSE)
    for table in ("visits", "trips", "daily_mileages", "alerts"):
        op.execute(
            f"CREATE TRIGGER refuse_sealed BEFORE UPDATE OR DELETE ON telemetry.{table}"
            " FOR EACH ROW WHEN (OLD.sealed) EXECUTE FUNCTION telemetry.refuse_sealed()"
        )
    # What only the worker's processes write; the API takes note of alerts and keeps rules.
    op.execute(
        "REVOKE INSERT, UPDATE, DELETE ON telemetry.trips, telemetry.daily_mileages,"
        " telemetry.alerts FROM telemetry_api"
    )
    op.execute(
        "GRANT UPDATE (acknowledged_at, acknowledged_by, acknowledged_by_name, note, version)"
        " ON telemetry.alerts TO telemetry_api"
    )
    op.execute("REVOKE DELETE ON telemetry.alert_rules, telemetry.alert_rule_versions FROM telemetry_api")
    op.execute(
        "REVOKE ALL ON telemetry.derivation_heads, telemetry.vehicle_cells, telemetry.seals"
        " FROM telemetry_api"
    )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
