"""Loads, offers, waybills, assignments, copies of the registry's and permits' facts; row-level security."""

from alembic import op

from services.shared.changes.ddl import create_feed, create_follow
from services.shared.ddl import create_kernel_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LOADS = """
CREATE TABLE matching.loads (
    id uuid NOT NULL,
    shipper_id uuid NOT NULL,
    carrier_id uuid,
    status varchar(16) NOT NULL,
    origin_lon double precision NOT NULL,
    origin_lat double precision NOT NULL,
    origin_address varchar(200) NOT NULL,
    destination_lon double precision NOT NULL,
    destination_lat double precision NOT NULL,
    destination_address varchar(200) NOT NULL,
    weight_kg double precision NOT NULL,
    volume_m3 double precision NOT NULL,
    temperature_class varchar(16) NOT NULL,
    cargo_type_code varchar(4) NOT NULL,
    description varchar(512) NOT NULL,
    pickup_from timestamptz NOT NULL,
    pickup_to timestamptz NOT NULL,
    delivery_from timestamptz NOT NULL,
    delivery_to timestamptz NOT NULL,
    is_demo boolean NOT NULL,
    created_at timestamptz NOT NULL,
    version integer NOT NULL,
    CONSTRAINT pk_loads PRIMARY KEY (id),
    CONSTRAINT ck_loads_status CHECK
        (status IN ('open','awarded','completed','cancelled','withdrawn','expired')),
    CONSTRAINT ck_loads_positive CHECK (weight_kg > 0 AND volume_m3 > 0),
    CONSTRAINT ck_loads_windows CHECK (pickup_from < pickup_to AND delivery_from < delivery_to)
);
CREATE INDEX ix_loads_shipper_id_id ON matching.loads (shipper_id, id);
CREATE INDEX ix_loads_carrier_id_id ON matching.loads (carrier_id, id);
CREATE INDEX ix_loads_open ON matching.loads (id) WHERE status = 'open'
"""

_OFFERS = """
CREATE TABLE matching.offers (
    id uuid NOT NULL,
    load_id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    carrier_id uuid NOT NULL,
    shipper_id uuid NOT NULL,
    price_yuan numeric(14, 2) NOT NULL,
    status varchar(16) NOT NULL,
    vehicle_size varchar(16) NOT NULL,
    vehicle_refrigeration varchar(16) NOT NULL,
    vehicle_energy varchar(16) NOT NULL,
    distance_band varchar(32) NOT NULL,
    score double precision NOT NULL,
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    CONSTRAINT pk_offers PRIMARY KEY (id),
    CONSTRAINT fk_offers_load_id FOREIGN KEY (load_id) REFERENCES matching.loads (id),
    CONSTRAINT ck_offers_status CHECK
        (status IN ('open','accepted','rejected','withdrawn','lost','lapsed')),
    CONSTRAINT ck_offers_price CHECK (price_yuan > 0)
);
CREATE INDEX ix_offers_load_id_id ON matching.offers (load_id, id);
CREATE INDEX ix_offers_carrier_id_id ON matching.offers (carrier_id, id);
CREATE INDEX ix_offers_shipper_id_id ON matching.offers (shipper_id, id);
CREATE UNIQUE INDEX uq_offers_open_load_id_vehicle_id ON matching.offers (load_id, vehicle_id)
    WHERE status = 'open'
"""

_WAYBILLS = """
CREATE SEQUENCE matching.waybill_numbers;
CREATE TABLE matching.waybills (
    id uuid NOT NULL,
    number varchar(20) NOT NULL,
    load_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    shipper_id uuid NOT NULL,
    carrier_id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    plate_number varchar(16) NOT NULL,
    plate_color integer NOT NULL,
    price_yuan numeric(14, 2) NOT NULL,
    status varchar(16) NOT NULL,
    consigned_at timestamptz NOT NULL,
    loaded_at timestamptz,
    departed_at timestamptz,
    arrived_at timestamptz,
    signed_at timestamptz,
    cancelled_at timestamptz,
    is_demo boolean NOT NULL,
    version integer NOT NULL,
    CONSTRAINT pk_waybills PRIMARY KEY (id),
    CONSTRAINT uq_waybills_number UNIQUE (number),
    CONSTRAINT uq_waybills_load_id UNIQUE (load_id),
    CONSTRAINT uq_waybills_offer_id UNIQUE (offer_id),
    CONSTRAINT fk_waybills_load_id FOREIGN KEY (load_id) REFERENCES matching.loads (id),
    CONSTRAINT fk_waybills_offer_id FOREIGN KEY (offer_id) REFERENCES matching.offers (id),
    CONSTRAINT ck_waybills_status CHECK
        (status IN ('consigned','loaded','departed','arrived','signed','cancelled'))
);
CREATE INDEX ix_waybills_shipper_id_id ON matching.waybills (shipper_id, id);
CREATE INDEX ix_waybills_carrier_id_id ON matching.waybills (carrier_id, id);
CREATE TABLE matching.waybill_events (
    id uuid NOT NULL,
    waybill_id uuid NOT NULL,
    kind varchar(16) NOT NULL,
    at timestamptz NOT NULL,
    party varchar(16) NOT NULL,
    reported_by varchar(200) NOT NULL,
    note varchar(500),
    recorded_at timestamptz NOT NULL,
    CONSTRAINT pk_waybill_events PRIMARY KEY (id),
    CONSTRAINT fk_waybill_events_waybill_id FOREIGN KEY (waybill_id) REFERENCES matching.waybills (id),
    CONSTRAINT uq_waybill_events_waybill_id_kind UNIQUE (waybill_id, kind),
    CONSTRAINT ck_waybill_events_kind CHECK (kind IN ('loaded','departed','arrived','signed','cancelled')),
    CONSTRAINT ck_waybill_events_party CHECK (party IN ('shipper','carrier'))
);
CREATE TABLE matching.assignments (
    id uuid NOT NULL,
    waybill_id uuid NOT NULL,
    vehicle_id uuid NOT NULL,
    carrier_id uuid NOT NULL,
    shipper_id uuid NOT NULL,
    during tstzrange NOT NULL,
    released_at timestamptz,
    CONSTRAINT pk_assignments PRIMARY KEY (id),
    CONSTRAINT uq_assignments_waybill_id UNIQUE (waybill_id),
    CONSTRAINT fk_assignments_waybill_id FOREIGN KEY (waybill_id) REFERENCES matching.waybills (id),
    CONSTRAINT ex_assignments_vehicle_id_during EXCLUDE USING gist (vehicle_id WITH =, during WITH &&)
        WHERE (released_at IS NULL)
);
CREATE INDEX ix_assignments_during ON matching.assignments USING gist (during) WHERE released_at IS NULL
"""

_COPIES = """
CREATE TABLE matching.enterprises (
    id uuid NOT NULL,
    status varchar(16) NOT NULL,
    is_demo boolean NOT NULL,
    version bigint NOT NULL,
    pos bigint NOT NULL,
    CONSTRAINT pk_enterprises PRIMARY KEY (id)
);
CREATE INDEX ix_enterprises_pos ON matching.enterprises (pos);
CREATE TABLE matching.vehicles (
    id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    state jsonb NOT NULL,
    deleted boolean NOT NULL,
    version bigint NOT NULL,
    pos bigint NOT NULL,
    CONSTRAINT pk_vehicles PRIMARY KEY (id)
);
CREATE INDEX ix_vehicles_pos ON matching.vehicles (pos);
CREATE INDEX ix_vehicles_enterprise_id ON matching.vehicles (enterprise_id);
CREATE TABLE matching.areas (
    id uuid NOT NULL,
    version bigint NOT NULL,
    pos bigint NOT NULL,
    CONSTRAINT pk_areas PRIMARY KEY (id)
);
CREATE TABLE matching.area_versions (
    id bigint GENERATED ALWAYS AS IDENTITY,
    area_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    geometry geometry(MultiPolygon, 4326) NOT NULL,
    CONSTRAINT pk_area_versions PRIMARY KEY (id),
    CONSTRAINT fk_area_versions_area_id FOREIGN KEY (area_id) REFERENCES matching.areas (id)
        ON DELETE CASCADE
);
CREATE INDEX ix_area_versions_area_id ON matching.area_versions (area_id);
CREATE INDEX ix_area_versions_geometry ON matching.area_versions USING gist (geometry);
CREATE TABLE matching.restriction_rules (
    id uuid NOT NULL,
    state jsonb NOT NULL,
    deleted boolean NOT NULL,
    version bigint NOT NULL,
    pos bigint NOT NULL,
    CONSTRAINT pk_restriction_rules PRIMARY KEY (id)
);
CREATE INDEX ix_restriction_rules_pos ON matching.restriction_rules (pos);
CREATE TABLE matching.permits (
    id uuid NOT NULL,
    enterprise_id uuid NOT NULL,
    state jsonb NOT NULL,
    deleted boolean NOT NULL,
    version bigint NOT NULL,
    pos bigint NOT NULL,
    CONSTRAINT pk_permits PRIMARY KEY (id)
);
CREATE INDEX ix_permits_pos ON matching.permits (pos);
CREATE INDEX ix_permits_enterprise_id ON matching.permits (enterprise_id)
"""

_ME = "app_enterprise()"
_PARTY = f"(shipper_id = {_ME} OR carrier_id = {_ME})"
_ACTIVE = "EXISTS (SELECT FROM matching.enterprises AS e WHERE e.id = {0} AND e.status = 'active')"
_IN_WAYBILL = "EXISTS (SELECT FROM matching.waybills AS w WHERE w.id = waybill_id)"
_AS_PARTY = f"EXISTS (SELECT FROM matching.waybills AS w WHERE w.id = waybill_id AND {_PARTY})"

# table: (who reads, who adds, who changes) for the api role; None: nobody.
_POLICIES: dict[str, tuple[str, str | None, str | None]] = {
    "loads": (
        (
            f"app_is_bureau() OR {_PARTY} OR (status = 'open' AND "
            f"{_ACTIVE.format(_ME)} AND {_ACTIVE.format('shipper_id')})"
        ),
        f"shipper_id = {_ME}",
        _PARTY,
    ),
    "offers": (f"app_is_bureau() OR {_PARTY}", f"carrier_id = {_ME}", _PARTY),
    "waybills": (f"app_is_bureau() OR {_PARTY}", f"shipper_id = {_ME}", _PARTY),
    "waybill_events": (_IN_WAYBILL, _AS_PARTY, None),
    "assignments": (f"app_is_bureau() OR {_PARTY}", f"shipper_id = {_ME}", _PARTY),
    # Whether a firm is active is no secret: an open load is shown by it.
    "enterprises": ("app_role() IS NOT NULL", None, None),
    "vehicles": (f"app_is_bureau() OR enterprise_id = {_ME}", None, None),
    "permits": (f"app_is_bureau() OR enterprise_id = {_ME}", None, None),
}
_COPIED = ("enterprises", "vehicles", "areas", "area_versions", "restriction_rules", "permits")


def _protect(table: str, read: str, add: str | None, change: str | None) -> None:
    name = f"matching.{table}"
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_api ON {name} FOR SELECT TO matching_api USING ({read})")
    if add is not None:
        op.execute(f"CREATE POLICY {table}_api_add ON {name} FOR INSERT TO matching_api WITH CHECK ({add})")
    if change is not None:
        op.execute(
            f"CREATE POLICY {table}_api_change ON {name} FOR UPDATE TO matching_api"
            f" USING ({change}) WITH CHECK ({change})"
        )
    for role in ("worker", "owner"):
        op.execute(
            f"CREATE POLICY {table}_{role} ON {name} TO matching_{role} USING (true) WITH CHECK (true)"
        )


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for script in (_LOADS, _OFFERS, _WAYBILLS, _COPIES):
        for statement in script.split(";\n"):
            op.execute(statement)
    create_kernel_tables(op, "matching")
    create_feed(op, "matching")
    create_follow(op, "matching")
    for table, (read, add, change) in _POLICIES.items():
        _protect(table, read, add, change)
    copies = ", ".join(f"matching.{table}" for table in _COPIED)
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {copies} FROM matching_api")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in ("assignments", "waybill_events", "waybills", "offers", "loads", *_COPIED[::-1]):
        op.execute(f"DROP TABLE matching.{table} CASCADE")
    op.execute("DROP SEQUENCE matching.waybill_numbers")
    for table in ("outbox", "changes", "heads", "feed_meta", "feed_checkpoints", "follow_cursors"):
        op.execute(f"DROP TABLE matching.{table} CASCADE")
    for function in (
        "ensure_changes_partition(bigint)",
        "drop_changes_partition(bigint)",
        "changes_partition_rows()",
    ):
        op.execute(f"DROP FUNCTION matching.{function}")
    for table in ("idempotency_keys", "revoked_subjects"):
        op.execute(f"DROP TABLE matching.{table}")
