"""First tables of permits: rules, applications, permits, copies of registry, the log of checks.

Revision ID: 0001
Revises:
"""

from alembic import op

from services.shared.changes.ddl import create_feed, create_follow
from services.shared.ddl import create_kernel_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SCHEDULED = """
  area_ids uuid[] NOT NULL,
  weekdays smallint[] NOT NULL,
  windows jsonb NOT NULL,
  holiday_calendar boolean NOT NULL,
"""

_RULES = [
    f"""
CREATE TABLE permits.restriction_rules (
  id uuid CONSTRAINT pk_restriction_rules PRIMARY KEY,
  code varchar(64) NOT NULL CONSTRAINT uq_restriction_rules_code UNIQUE,
  title_zh varchar(200) NOT NULL,
  title_en varchar(200) NOT NULL,
  legal_basis varchar(1000),
  {_SCHEDULED}
  effect varchar(16) NOT NULL
    CONSTRAINT ck_restriction_rules_effect CHECK (effect IN ('allow', 'permit_required', 'ban')),
  priority integer NOT NULL,
  permit_types varchar(64)[] NOT NULL,
  conditions jsonb NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  made_by varchar(200) NOT NULL,
  made_at timestamptz NOT NULL,
  repealed_by varchar(200),
  repealed_at timestamptz,
  repeal_reason varchar(1000),
  version integer NOT NULL,
  CONSTRAINT ck_restriction_rules_interval CHECK (valid_to IS NULL OR valid_to >= valid_from)
)""",
    "CREATE INDEX ix_restriction_rules_valid_from_id ON permits.restriction_rules (valid_from, id)",
    """
CREATE TABLE permits.rule_book (
  id smallint CONSTRAINT pk_rule_book PRIMARY KEY CONSTRAINT ck_rule_book_one_row CHECK (id = 1),
  edition uuid NOT NULL
)""",
]

_PERMITS = [
    """
CREATE TABLE permits.permit_types (
  id uuid CONSTRAINT pk_permit_types PRIMARY KEY,
  code varchar(64) NOT NULL CONSTRAINT uq_permit_types_code UNIQUE,
  name_zh varchar(200) NOT NULL,
  name_en varchar(200) NOT NULL,
  basis varchar(16) NOT NULL CONSTRAINT ck_permit_types_basis CHECK (basis IN ('area', 'route')),
  lifts varchar(16) NOT NULL CONSTRAINT ck_permit_types_lifts CHECK (lifts IN ('permit_required', 'ban')),
  max_days integer NOT NULL CONSTRAINT ck_permit_types_max_days CHECK (max_days BETWEEN 1 AND 1100),
  made_by varchar(200) NOT NULL,
  made_at timestamptz NOT NULL,
  version integer NOT NULL
)""",
    f"""
CREATE TABLE permits.permit_applications (
  id uuid CONSTRAINT pk_permit_applications PRIMARY KEY,
  enterprise_id uuid NOT NULL,
  vehicle_id uuid NOT NULL,
  permit_type_id uuid NOT NULL
    CONSTRAINT fk_permit_applications_permit_type_id REFERENCES permits.permit_types (id),
  purpose varchar(1000) NOT NULL,
  {_SCHEDULED}
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL,
  status varchar(16) NOT NULL CONSTRAINT ck_permit_applications_status
    CHECK (status IN ('submitted', 'approved', 'rejected', 'withdrawn')),
  submitted_by varchar(200) NOT NULL,
  submitted_at timestamptz NOT NULL,
  decided_by varchar(200),
  decided_at timestamptz,
  reason varchar(1000),
  permit_id uuid,
  version integer NOT NULL,
  CONSTRAINT ck_permit_applications_interval CHECK (valid_to > valid_from)
)""",
    "CREATE INDEX ix_permit_applications_enterprise_id_id ON permits.permit_applications (enterprise_id, id)",
    "CREATE INDEX ix_permit_applications_status_id ON permits.permit_applications (status, id)",
    "CREATE SEQUENCE permits.permit_numbers",
    f"""
CREATE TABLE permits.permits (
  id uuid CONSTRAINT pk_permits PRIMARY KEY,
  code varchar(64) NOT NULL CONSTRAINT uq_permits_code UNIQUE,
  application_id uuid NOT NULL CONSTRAINT uq_permits_application_id UNIQUE
    CONSTRAINT fk_permits_application_id REFERENCES permits.permit_applications (id),
  enterprise_id uuid NOT NULL,
  vehicle_id uuid NOT NULL,
  permit_type varchar(64) NOT NULL,
  lifts varchar(16) NOT NULL,
  {_SCHEDULED}
  valid_from timestamptz NOT NULL,
  valid_to timestamptz NOT NULL,
  granted_until timestamptz NOT NULL,
  status varchar(16) NOT NULL CONSTRAINT ck_permits_status
    CHECK (status IN ('active', 'suspended', 'revoked', 'expired')),
  external_number varchar(64),
  issued_by varchar(200) NOT NULL,
  issued_at timestamptz NOT NULL,
  revoked_by varchar(200),
  revoked_at timestamptz,
  revocation_reason varchar(1000),
  version integer NOT NULL,
  CONSTRAINT ck_permits_interval CHECK (valid_to >= valid_from AND granted_until >= valid_to),
  CONSTRAINT ex_permits_one_of_a_type EXCLUDE USING gist
    (vehicle_id WITH =, permit_type WITH =, tstzrange(valid_from, valid_to) WITH &&)
    WHERE (status IN ('active', 'suspended'))
)""",
    "CREATE INDEX ix_permits_vehicle_id_valid_to ON permits.permits (vehicle_id, valid_to)",
    "CREATE INDEX ix_permits_enterprise_id_id ON permits.permits (enterprise_id, id)",
    "CREATE INDEX ix_permits_ending ON permits.permits (valid_to) WHERE status = 'active'",
]

_CHECK_LOG = [
    """
CREATE TABLE permits.check_log (
  pos bigint CONSTRAINT pk_check_log PRIMARY KEY,
  recorded_at timestamptz NOT NULL,
  subject varchar(200) NOT NULL,
  plate_number varchar(16) NOT NULL,
  entry bytea NOT NULL,
  digest bytea NOT NULL
)""",
    "CREATE INDEX ix_check_log_plate_number_pos ON permits.check_log (plate_number, pos)",
    "CREATE INDEX ix_check_log_subject_pos ON permits.check_log (subject, pos)",
    "REVOKE UPDATE, DELETE ON permits.check_log FROM permits_api, permits_worker",
]

_COPIES = [
    """
CREATE TABLE permits.enterprises (
  id uuid CONSTRAINT pk_enterprises PRIMARY KEY,
  name varchar(200) NOT NULL,
  status varchar(16) NOT NULL,
  is_demo boolean NOT NULL,
  version bigint NOT NULL
)""",
    """
CREATE TABLE permits.enterprise_standings (
  enterprise_id uuid NOT NULL,
  since timestamptz NOT NULL,
  status varchar(16) NOT NULL,
  CONSTRAINT pk_enterprise_standings PRIMARY KEY (enterprise_id, since)
)""",
    """
CREATE TABLE permits.vehicles (
  id uuid CONSTRAINT pk_vehicles PRIMARY KEY,
  enterprise_id uuid NOT NULL,
  plate_number varchar(16) NOT NULL,
  plate_color smallint NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  facts jsonb NOT NULL,
  is_demo boolean NOT NULL,
  version bigint NOT NULL
)""",
    "CREATE INDEX ix_vehicles_plate ON permits.vehicles (plate_number, plate_color, valid_from)",
    "CREATE INDEX ix_vehicles_enterprise_id_id ON permits.vehicles (enterprise_id, id)",
    """
CREATE TABLE permits.areas (
  id uuid CONSTRAINT pk_areas PRIMARY KEY,
  code varchar(64) NOT NULL,
  name varchar(200) NOT NULL,
  kind varchar(32) NOT NULL,
  schematic boolean NOT NULL,
  version bigint NOT NULL
)""",
    """
CREATE TABLE permits.area_versions (
  area_id uuid NOT NULL
    CONSTRAINT fk_area_versions_area_id REFERENCES permits.areas (id) ON DELETE CASCADE,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  geometry geometry(MultiPolygon, 4326) NOT NULL,
  CONSTRAINT pk_area_versions PRIMARY KEY (area_id, valid_from)
)""",
    "CREATE INDEX ix_area_versions_geometry ON permits.area_versions USING gist (geometry)",
]

_OFFICE = "app_is_bureau() OR app_role() = 'police'"
_OWN = f"{_OFFICE} OR enterprise_id = app_enterprise()"
_CALLER = f"{_OFFICE} OR subject = app_subject()"
_MINE = "app_role() = 'enterprise' AND enterprise_id = app_enterprise()"
_POLICE = "app_role() = 'police'"

# table: (who reads, who adds, who changes, what a changed row must then be) for the api role; None: nobody.
_POLICIES: dict[str, tuple[str, str | None, str | None, str | None]] = {
    "permit_applications": (
        _OWN,
        f"{_MINE} AND status = 'submitted'",
        f"{_POLICE} OR ({_MINE})",
        f"{_POLICE} OR ({_MINE} AND status = 'withdrawn')",
    ),
    "permits": (_OWN, _POLICE, _POLICE, _POLICE),
    # A permit's issue keeps the vehicle's copy as it is (FOR SHARE needs the right to UPDATE); no row may
    # come out of an update.
    "vehicles": (_OWN, None, _OFFICE, "false"),
    "enterprise_standings": (_OWN, None, None, None),
    "enterprises": (f"{_OFFICE} OR id = app_enterprise()", None, None, None),
}
_COPIED = ("enterprises", "enterprise_standings", "vehicles", "areas", "area_versions")


def _secure(table: str, read: str, add: str | None, change: str | None, changed: str | None) -> list[str]:
    """Row-level security: the api does what the caller may, worker and owner everything."""
    name = f"permits.{table}"
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_api ON {name} FOR SELECT TO permits_api USING ({read})",
        f"CREATE POLICY {table}_worker ON {name} TO permits_worker USING (true)",
        f"CREATE POLICY {table}_owner ON {name} TO permits_owner USING (true)",
    ]
    if add is not None:
        statements.append(
            f"CREATE POLICY {table}_api_add ON {name} FOR INSERT TO permits_api WITH CHECK ({add})"
        )
    if change is not None:
        statements.append(
            f"CREATE POLICY {table}_api_change ON {name} FOR UPDATE TO permits_api"
            f" USING ({change}) WITH CHECK ({changed})"
        )
    return statements


_COPY_RIGHTS = [
    f"REVOKE INSERT, UPDATE, DELETE ON {', '.join(f'permits.{table}' for table in _COPIED)} FROM permits_api",
    "GRANT UPDATE (id) ON permits.vehicles TO permits_api",
]

_CHECK_LOG_RIGHTS = [
    "ALTER TABLE permits.check_log ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE permits.check_log FORCE ROW LEVEL SECURITY",
    # One group commit writes the checks of many callers, so appending is free and reading is not.
    "CREATE POLICY check_log_append ON permits.check_log FOR INSERT TO permits_api WITH CHECK (true)",
    f"CREATE POLICY check_log_read ON permits.check_log FOR SELECT TO permits_api USING ({_CALLER})",
    "CREATE POLICY check_log_worker ON permits.check_log TO permits_worker USING (true)",
    "CREATE POLICY check_log_owner ON permits.check_log TO permits_owner USING (true)",
]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_kernel_tables(op, "permits")
    create_feed(op, "permits")
    create_follow(op, "permits")
    for statement in [*_RULES, *_PERMITS, *_CHECK_LOG, *_COPIES, *_CHECK_LOG_RIGHTS]:
        op.execute(statement)
    for table, rights in _POLICIES.items():
        for statement in _secure(table, *rights):
            op.execute(statement)
    for statement in _COPY_RIGHTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
