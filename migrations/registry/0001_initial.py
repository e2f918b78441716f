"""The registry's first tables: principals, applications, enterprises, vehicles, areas.

Revision ID: 0001
Revises:
"""

from alembic import op

from services.shared.changes.ddl import create_feed
from services.shared.ddl import create_kernel_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ENTERPRISES = """
CREATE TABLE registry.enterprises (
  id uuid CONSTRAINT pk_enterprises PRIMARY KEY,
  name varchar(200) NOT NULL,
  uscc varchar(18) NOT NULL,
  kind varchar(32) NOT NULL,
  status varchar(16) NOT NULL
    CONSTRAINT ck_enterprises_status CHECK (status IN ('active', 'suspended', 'closed')),
  standing_reason varchar(1000) NOT NULL,
  standing_since timestamptz NOT NULL,
  is_demo boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX uq_enterprises_uscc ON registry.enterprises (uscc) WHERE status <> 'closed';
CREATE TABLE registry.enterprise_standings (
  id uuid CONSTRAINT pk_enterprise_standings PRIMARY KEY,
  enterprise_id uuid NOT NULL
    CONSTRAINT fk_enterprise_standings_enterprise_id REFERENCES registry.enterprises (id),
  status varchar(16) NOT NULL,
  reason varchar(1000) NOT NULL,
  effective_at timestamptz NOT NULL,
  decided_by varchar(200) NOT NULL,
  decided_at timestamptz NOT NULL
);
CREATE INDEX ix_enterprise_standings_enterprise_id_effective_at
  ON registry.enterprise_standings (enterprise_id, effective_at);
"""

_PRINCIPALS = """
CREATE TABLE registry.clients (
  id uuid CONSTRAINT pk_clients PRIMARY KEY,
  name varchar(200) NOT NULL,
  role varchar(32) NOT NULL,
  enterprise_id uuid CONSTRAINT fk_clients_enterprise_id REFERENCES registry.enterprises (id),
  secret_hash bytea NOT NULL,
  status varchar(16) NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX ix_clients_enterprise_id ON registry.clients (enterprise_id);
CREATE TABLE registry.staff_accounts (
  id uuid CONSTRAINT pk_staff_accounts PRIMARY KEY,
  username varchar(64) NOT NULL CONSTRAINT uq_staff_accounts_username UNIQUE,
  display_name varchar(200) NOT NULL,
  role varchar(32) NOT NULL,
  scopes varchar(32)[] NOT NULL,
  password_hash varchar(200) NOT NULL,
  status varchar(16) NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE registry.enterprise_applications (
  id uuid CONSTRAINT pk_enterprise_applications PRIMARY KEY,
  name varchar(200) NOT NULL,
  uscc varchar(18) NOT NULL,
  kind varchar(32) NOT NULL,
  reference_hash bytea NOT NULL CONSTRAINT uq_enterprise_applications_reference_hash UNIQUE,
  status varchar(16) NOT NULL,
  submitted_at timestamptz NOT NULL,
  decided_at timestamptz,
  decided_by varchar(200),
  reason varchar(1000),
  enterprise_id uuid
    CONSTRAINT fk_enterprise_applications_enterprise_id REFERENCES registry.enterprises (id),
  client_id uuid CONSTRAINT fk_enterprise_applications_client_id REFERENCES registry.clients (id),
  version integer NOT NULL
);
CREATE INDEX ix_enterprise_applications_status_id ON registry.enterprise_applications (status, id);
"""

_VEHICLES = """
CREATE TABLE registry.vehicles (
  id uuid CONSTRAINT pk_vehicles PRIMARY KEY,
  enterprise_id uuid NOT NULL CONSTRAINT fk_vehicles_enterprise_id REFERENCES registry.enterprises (id),
  plate_number varchar(16) NOT NULL,
  plate_color smallint NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  predecessor_id uuid CONSTRAINT fk_vehicles_predecessor_id REFERENCES registry.vehicles (id),
  end_reason varchar(1000),
  powertrain varchar(8) NOT NULL,
  energy_code varchar(1),
  vehicle_type varchar(3),
  curb_mass_kg integer,
  gross_mass_kg integer,
  payload_kg integer NOT NULL,
  volume_m3 double precision,
  length_m double precision,
  width_m double precision,
  height_m double precision,
  refrigeration varchar(16) NOT NULL,
  is_demo boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_vehicles_interval CHECK (valid_to IS NULL OR valid_to > valid_from),
  CONSTRAINT ex_vehicles_plate EXCLUDE USING gist
    (plate_number WITH =, plate_color WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
CREATE INDEX ix_vehicles_enterprise_id_id ON registry.vehicles (enterprise_id, id);
"""

_AREAS = """
CREATE TABLE registry.areas (
  id uuid CONSTRAINT pk_areas PRIMARY KEY,
  code varchar(64) NOT NULL CONSTRAINT uq_areas_code UNIQUE,
  name varchar(200) NOT NULL,
  kind varchar(32) NOT NULL,
  schematic boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE TABLE registry.area_versions (
  id uuid CONSTRAINT pk_area_versions PRIMARY KEY,
  area_id uuid NOT NULL CONSTRAINT fk_area_versions_area_id REFERENCES registry.areas (id),
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  geometry geometry(MultiPolygon, 4326) NOT NULL,
  created_at timestamptz NOT NULL,
  CONSTRAINT ck_area_versions_interval CHECK (valid_to IS NULL OR valid_to > valid_from),
  CONSTRAINT ex_area_versions_interval EXCLUDE USING gist
    (area_id WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
CREATE INDEX ix_area_versions_geometry ON registry.area_versions USING gist (geometry);
"""

_BUREAU = "app_is_bureau()"
_SIGN_IN = "app_role() = 'sign_in'"
_APPLICANT = "app_role() = 'applicant' AND encode(reference_hash, 'hex') = app_subject()"
_APPLIED_FOR = (
    "app_role() = 'applicant' AND EXISTS (SELECT 1 FROM registry.enterprise_applications a"
    " WHERE a.enterprise_id = enterprises.id)"
)
_APPLICANTS_CLIENT = (
    "app_role() = 'applicant' AND EXISTS (SELECT 1 FROM registry.enterprise_applications a"
    " WHERE a.enterprise_id = clients.enterprise_id)"
)

# Table → (rows the API role sees, rows it may leave behind), by the transaction-local app.* settings.
# `sign_in` is the token endpoint itself, `applicant` a caller who has shown a reference code.
_POLICIES = {
    "enterprises": (f"{_BUREAU} OR id = app_enterprise() OR {_SIGN_IN} OR {_APPLIED_FOR}", _BUREAU),
    "enterprise_standings": (f"{_BUREAU} OR enterprise_id = app_enterprise()", _BUREAU),
    "clients": (f"{_BUREAU} OR {_SIGN_IN} OR {_APPLICANTS_CLIENT}", f"{_BUREAU} OR {_APPLICANTS_CLIENT}"),
    "staff_accounts": (f"{_BUREAU} OR {_SIGN_IN}", _BUREAU),
    "enterprise_applications": (
        f"{_BUREAU} OR {_APPLICANT}",
        f"{_BUREAU} OR {_APPLICANT} OR (status = 'submitted' AND version = 1)",
    ),
    "vehicles": (
        f"{_BUREAU} OR enterprise_id = app_enterprise()",
        f"{_BUREAU} OR enterprise_id = app_enterprise()",
    ),
}


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    create_kernel_tables(op, "registry")
    create_feed(op, "registry")
    for block in (_ENTERPRISES, _PRINCIPALS, _VEHICLES, _AREAS):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    for table, (sees, leaves) in _POLICIES.items():
        _protect(table, sees, leaves)


def _protect(table: str, sees: str, leaves: str) -> None:
    op.execute(f"ALTER TABLE registry.{table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE registry.{table} FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY {table}_api ON registry.{table} TO registry_api USING ({sees}) WITH CHECK ({leaves})"
    )
    for role in ("worker", "owner"):
        op.execute(
            f"CREATE POLICY {table}_{role} ON registry.{table} TO registry_{role}"
            " USING (true) WITH CHECK (true)"
        )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
