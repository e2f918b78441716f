"""Areas in full; facilities with the history of their stages; bays and chargers.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_AREAS = """
ALTER TABLE registry.areas
  ADD COLUMN closed_at timestamptz,
  ADD COLUMN closed_reason varchar(1000),
  ADD COLUMN closed_by varchar(200),
  ADD COLUMN closed_by_name varchar(200);
ALTER TABLE registry.area_versions
  ADD COLUMN source jsonb,
  ADD COLUMN mended jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN made_by varchar(200),
  ADD COLUMN made_by_name varchar(200);
"""

_FACILITIES = """
CREATE TABLE registry.facilities (
  id uuid CONSTRAINT pk_facilities PRIMARY KEY,
  code varchar(64) NOT NULL CONSTRAINT uq_facilities_code UNIQUE,
  name varchar(200) NOT NULL,
  kind varchar(32) NOT NULL,
  status varchar(16) NOT NULL,
  planned_on date NOT NULL,
  built_on date,
  opened_on date,
  closed_on date,
  opening_document_ids uuid[] NOT NULL DEFAULT '{}',
  enterprise_id uuid CONSTRAINT fk_facilities_enterprise_id REFERENCES registry.enterprises (id),
  operator_name varchar(200),
  operator_uscc varchar(18),
  owner_department varchar(64),
  division_code varchar(6),
  zone_code varchar(64),
  address varchar(500),
  area_id uuid CONSTRAINT fk_facilities_area_id REFERENCES registry.areas (id),
  capacity jsonb NOT NULL,
  document_ids uuid[] NOT NULL,
  confirmation_document_ids uuid[] NOT NULL DEFAULT '{}',
  schematic boolean NOT NULL,
  is_demo boolean NOT NULL,
  lon double precision NOT NULL,
  lat double precision NOT NULL,
  location geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  confirmed_at timestamptz,
  confirmed_by varchar(200),
  confirmed_by_name varchar(200),
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_facilities_operator CHECK (enterprise_id IS NULL OR operator_name IS NULL),
  CONSTRAINT ck_facilities_days CHECK (planned_on <= built_on
    AND coalesce(built_on, planned_on) <= opened_on
    AND coalesce(opened_on, built_on, planned_on) <= closed_on)
);
CREATE INDEX ix_facilities_location ON registry.facilities USING gist (location);
CREATE INDEX ix_facilities_kind_id ON registry.facilities (kind, id);
CREATE INDEX ix_facilities_enterprise_id_id ON registry.facilities (enterprise_id, id);
CREATE TABLE registry.facility_steps (
  id uuid CONSTRAINT pk_facility_steps PRIMARY KEY,
  facility_id uuid NOT NULL CONSTRAINT fk_facility_steps_facility_id REFERENCES registry.facilities (id),
  status varchar(16) NOT NULL,
  day date NOT NULL,
  note varchar(1000),
  document_ids uuid[] NOT NULL,
  decided_by varchar(200) NOT NULL,
  decided_by_name varchar(200),
  decided_at timestamptz NOT NULL,
  corrects_id uuid CONSTRAINT fk_facility_steps_corrects_id REFERENCES registry.facility_steps (id),
  superseded_at timestamptz,
  superseded_by varchar(200),
  superseded_by_name varchar(200),
  superseded_reason varchar(1000)
);
CREATE UNIQUE INDEX uq_facility_steps_facility_id_status ON registry.facility_steps (facility_id, status)
  WHERE superseded_at IS NULL;
CREATE INDEX ix_facility_steps_facility_id_id ON registry.facility_steps (facility_id, id);
"""

_UNIT = """
  id uuid CONSTRAINT pk_{0} PRIMARY KEY,
  facility_id uuid NOT NULL CONSTRAINT fk_{0}_facility_id REFERENCES registry.facilities (id),
  code varchar(64) NOT NULL,
  in_service_from date NOT NULL,
  in_service_to date,
  end_reason varchar(1000),
  confirmed_at timestamptz,
  confirmed_by varchar(200),
  confirmed_by_name varchar(200),
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_{0}_days CHECK (in_service_to IS NULL OR in_service_to >= in_service_from),
  CONSTRAINT ex_{0}_code EXCLUDE USING gist
    (facility_id WITH =, code WITH =, daterange(in_service_from, in_service_to) WITH &&)
"""

_UNITS = f"""
CREATE TABLE registry.bays (
  lon double precision NOT NULL,
  lat double precision NOT NULL,
  location geometry(Point, 4326) GENERATED ALWAYS AS (ST_SetSRID(ST_MakePoint(lon, lat), 4326)) STORED,
  area_id uuid CONSTRAINT fk_bays_area_id REFERENCES registry.areas (id),
  length_m double precision,
  nev_only boolean NOT NULL,
  has_charger boolean NOT NULL,
  max_stay_minutes integer,
  weekdays smallint[] NOT NULL,
  windows jsonb NOT NULL,
  holiday_calendar boolean NOT NULL,
  fee_note varchar(500),
  road varchar(200),
  section varchar(200),
  legal_basis varchar(500),
  photo_document_id uuid CONSTRAINT fk_bays_photo_document_id REFERENCES registry.documents (id),
  {_UNIT.format("bays")}
);
CREATE INDEX ix_bays_location ON registry.bays USING gist (location);
CREATE INDEX ix_bays_facility_id_id ON registry.bays (facility_id, id);
CREATE TABLE registry.chargers (
  power_kw double precision NOT NULL,
  current varchar(2) NOT NULL,
  connectors varchar(16)[] NOT NULL,
  open_to_delivery_vehicles boolean NOT NULL,
  operator_name varchar(200),
  operator_uscc varchar(18),
  {_UNIT.format("chargers")}
);
CREATE INDEX ix_chargers_facility_id_id ON registry.chargers (facility_id, id);
CREATE TABLE registry.unit_endings (
  id uuid CONSTRAINT pk_unit_endings PRIMARY KEY,
  facility_id uuid NOT NULL CONSTRAINT fk_unit_endings_facility_id REFERENCES registry.facilities (id),
  unit_kind varchar(16) NOT NULL,
  unit_id uuid NOT NULL,
  day date,
  reason varchar(1000) NOT NULL,
  decided_by varchar(200) NOT NULL,
  decided_by_name varchar(200),
  decided_at timestamptz NOT NULL
);
CREATE INDEX ix_unit_endings_unit_id_id ON registry.unit_endings (unit_id, id);
"""

_KEEPER = (
    "app_is_bureau() OR EXISTS (SELECT 1 FROM registry.facilities f"
    " WHERE f.id = {0}.facility_id AND f.enterprise_id = app_enterprise())"
)
"""Rows of whoever keeps the facility."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for block in (_AREAS, _FACILITIES, _UNITS):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    _protect_writing("facilities", "app_is_bureau() OR enterprise_id = app_enterprise()")
    for table in ("bays", "chargers"):
        _protect_writing(table, _KEEPER.format(table))
    for table in ("facility_steps", "unit_endings"):
        keeper = _KEEPER.format(table)
        protect_table(op, f"registry.{table}", keeper, keeper)


def _protect_writing(table: str, keeper: str) -> None:
    """Show a table to every party with a role, let its keepers alone add and change rows, nobody delete."""
    op.execute(f"ALTER TABLE registry.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE registry.{table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY {table}_api_read ON registry.{table} FOR SELECT TO registry_api"
        " USING (app_role() IS NOT NULL)"
    )
    op.execute(
        f"CREATE POLICY {table}_api_add ON registry.{table} FOR INSERT TO registry_api WITH CHECK ({keeper})"
    )
    op.execute(
        f"CREATE POLICY {table}_api_change ON registry.{table} FOR UPDATE TO registry_api"
        f" USING ({keeper}) WITH CHECK ({keeper})"
    )
    for role in ("worker", "owner"):
        op.execute(
            f"CREATE POLICY {table}_{role} ON registry.{table} TO registry_{role}"
            " USING (true) WITH CHECK (true)"
        )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
