"""Operating statements, assessments with their appeals, complaints with every step of their handling.

Revision ID: 0005
Revises: 0004
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE registry.operating_statements (
  id uuid CONSTRAINT pk_operating_statements PRIMARY KEY,
  enterprise_id uuid NOT NULL
    CONSTRAINT fk_operating_statements_enterprise_id REFERENCES registry.enterprises (id),
  month varchar(7) NOT NULL,
  revision integer NOT NULL,
  supersedes uuid
    CONSTRAINT fk_operating_statements_supersedes REFERENCES registry.operating_statements (id),
  superseded_at timestamptz,
  status varchar(16) NOT NULL,
  late boolean NOT NULL,
  costs_yuan jsonb NOT NULL,
  energy jsonb NOT NULL,
  vehicle_count integer NOT NULL,
  vehicle_days integer,
  vehicle_km double precision NOT NULL,
  vehicle_km_source varchar(16) NOT NULL,
  loaded_km double precision,
  tonne_km double precision,
  notes varchar(10000),
  document_ids uuid[] NOT NULL,
  flags jsonb NOT NULL,
  checks_version varchar(64) NOT NULL,
  compared_with uuid
    CONSTRAINT fk_operating_statements_compared_with REFERENCES registry.operating_statements (id),
  submitted_by varchar(200) NOT NULL,
  accepted_by varchar(200),
  accepted_by_name varchar(200),
  accepted_at timestamptz,
  returned_by varchar(200),
  returned_by_name varchar(200),
  returned_at timestamptz,
  return_reason varchar(1000),
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_operating_statements_revision CHECK ((revision = 1) = (supersedes IS NULL))
);
CREATE UNIQUE INDEX uq_operating_statements_current
  ON registry.operating_statements (enterprise_id, month) WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX uq_operating_statements_enterprise_id_month_revision
  ON registry.operating_statements (enterprise_id, month, revision);
CREATE INDEX ix_operating_statements_month_id ON registry.operating_statements (month, id);
"""

_ASSESSMENTS = """
CREATE TABLE registry.assessments (
  id uuid CONSTRAINT pk_assessments PRIMARY KEY,
  enterprise_id uuid NOT NULL
    CONSTRAINT fk_assessments_enterprise_id REFERENCES registry.enterprises (id),
  period varchar(7) NOT NULL,
  scheme_version varchar(64) NOT NULL,
  grade varchar(1) NOT NULL,
  amended_grade varchar(1),
  score double precision,
  items jsonb NOT NULL,
  computed_at timestamptz NOT NULL,
  digest bytea NOT NULL,
  received_from varchar(200) NOT NULL,
  published_by varchar(200),
  published_by_name varchar(200),
  published_at timestamptz,
  appeal_until timestamptz,
  consequence_scheme jsonb,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT uq_assessments_enterprise_id_period_scheme_version
    UNIQUE (enterprise_id, period, scheme_version)
);
CREATE INDEX ix_assessments_period_id ON registry.assessments (period, id);
CREATE TABLE registry.assessment_appeals (
  id uuid CONSTRAINT pk_assessment_appeals PRIMARY KEY,
  assessment_id uuid NOT NULL CONSTRAINT uq_assessment_appeals_assessment_id UNIQUE
    CONSTRAINT fk_assessment_appeals_assessment_id REFERENCES registry.assessments (id),
  enterprise_id uuid NOT NULL
    CONSTRAINT fk_assessment_appeals_enterprise_id REFERENCES registry.enterprises (id),
  reason varchar(10000) NOT NULL,
  document_ids uuid[] NOT NULL,
  appealed_by varchar(200) NOT NULL,
  appealed_at timestamptz NOT NULL,
  outcome varchar(16),
  cause varchar(1000),
  decided_by varchar(200),
  decided_by_name varchar(200),
  decided_at timestamptz
);
CREATE INDEX ix_assessment_appeals_enterprise_id ON registry.assessment_appeals (enterprise_id);
"""

_COMPLAINTS = """
CREATE TABLE registry.complaints (
  id uuid CONSTRAINT pk_complaints PRIMARY KEY,
  reference_hash bytea NOT NULL CONSTRAINT uq_complaints_reference_hash UNIQUE,
  status varchar(16) NOT NULL,
  category varchar(32) NOT NULL,
  text varchar(10000) NOT NULL,
  occurred_at timestamptz NOT NULL,
  place varchar(500),
  lon double precision,
  lat double precision,
  reported_uscc varchar(18),
  reported_name varchar(200),
  reported_plate_number varchar(16),
  reported_plate_color smallint,
  enterprise_id uuid CONSTRAINT fk_complaints_enterprise_id REFERENCES registry.enterprises (id),
  vehicle_id uuid CONSTRAINT fk_complaints_vehicle_id REFERENCES registry.vehicles (id),
  contact_given boolean NOT NULL,
  contact_erased_at timestamptz,
  handler_id varchar(200),
  handler_name varchar(200),
  accepted_at timestamptz,
  request_text varchar(10000),
  forwarded_at timestamptz,
  statement_text varchar(10000),
  statement_document_ids uuid[],
  answered_at timestamptz,
  outcome varchar(16),
  measures varchar(10000),
  reply varchar(10000),
  decided_by varchar(200),
  decided_by_name varchar(200),
  decided_at timestamptz,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_complaints_subject
    CHECK (coalesce(reported_uscc, reported_name, reported_plate_number) IS NOT NULL),
  CONSTRAINT ck_complaints_owner CHECK (vehicle_id IS NULL OR enterprise_id IS NOT NULL),
  CONSTRAINT ck_complaints_position CHECK ((lon IS NULL) = (lat IS NULL))
);
CREATE INDEX ix_complaints_enterprise_id_id ON registry.complaints (enterprise_id, id);
CREATE INDEX ix_complaints_status_id ON registry.complaints (status, id);
CREATE TABLE registry.complaint_events (
  id uuid CONSTRAINT pk_complaint_events PRIMARY KEY,
  complaint_id uuid NOT NULL
    CONSTRAINT fk_complaint_events_complaint_id REFERENCES registry.complaints (id),
  enterprise_id uuid CONSTRAINT fk_complaint_events_enterprise_id REFERENCES registry.enterprises (id),
  kind varchar(24) NOT NULL,
  at timestamptz NOT NULL,
  by_subject varchar(200) NOT NULL,
  by_name varchar(200),
  text varchar(10000)
);
CREATE INDEX ix_complaint_events_complaint_id_id ON registry.complaint_events (complaint_id, id);
"""

_BUREAU = "app_is_bureau()"
_OWN = "enterprise_id = app_enterprise()"
# `complaint_intake` is the public form itself, `complainant` a caller who has shown a reference code.
_INTAKE = "app_role() = 'complaint_intake'"
_COMPLAINANT = "app_role() = 'complainant'"
_BY_CODE = f"{_COMPLAINANT} AND encode(reference_hash, 'hex') = app_subject()"
_NEW = f"{_INTAKE} AND status = 'submitted' AND version = 1"
_BY_STRANGER = f"({_INTAKE} AND kind = 'submitted') OR ({_COMPLAINANT} AND kind = 'contact_erased')"
_FORWARDED = f"{_OWN} AND forwarded_at IS NOT NULL"
_OF_COMPLAINT = "EXISTS (SELECT 1 FROM registry.complaints c WHERE c.id = personal_subjects.id)"
_CONTACT = f"{_COMPLAINANT} AND {_OF_COMPLAINT}"

# Table → (rows the API role sees, rows it may leave behind). A firm adds a statement, an appeal or an answer
# and decides nothing.
_POLICIES = {
    "operating_statements": (
        f"{_BUREAU} OR {_OWN}",
        f"{_BUREAU} OR ({_OWN} AND status IN ('submitted', 'superseded'))",
    ),
    "assessments": (f"{_BUREAU} OR ({_OWN} AND published_at IS NOT NULL)", _BUREAU),
    "assessment_appeals": (f"{_BUREAU} OR {_OWN}", f"{_BUREAU} OR ({_OWN} AND outcome IS NULL)"),
    "complaints": (
        f"{_BUREAU} OR ({_FORWARDED}) OR ({_BY_CODE})",
        f"{_BUREAU} OR ({_FORWARDED} AND status = 'answered') OR ({_BY_CODE}) OR ({_NEW})",
    ),
    "complaint_events": (
        _BUREAU,
        f"{_BUREAU} OR ({_OWN} AND kind = 'answered') OR ({_BY_STRANGER})",
    ),
}

# The form matches what a stranger reports to the registry without telling him; a complainant may have his
# own contact destroyed.
_FURTHER = f"""
CREATE POLICY enterprises_intake ON registry.enterprises FOR SELECT TO registry_api USING ({_INTAKE});
CREATE POLICY vehicles_intake ON registry.vehicles FOR SELECT TO registry_api USING ({_INTAKE});
CREATE POLICY personal_subjects_complainant ON registry.personal_subjects TO registry_api
  USING ({_CONTACT}) WITH CHECK (false);
"""

# What was stated, received, reported or done stays, whoever writes: an update may change these columns only.
_KEEP = """
CREATE FUNCTION registry.keep_columns() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_ARGV[0] IN ('anyone', app_role())
     AND to_jsonb(NEW) - TG_ARGV[1:] IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV[1:] THEN
    RAISE insufficient_privilege USING MESSAGE = format('%s: what is on record stays', TG_TABLE_NAME);
  END IF;
  RETURN NEW;
END $$
"""
_NEXT = "version updated_at"
_DECIDED = "accepted_by accepted_by_name accepted_at returned_by returned_by_name returned_at return_reason"
_PUBLISHED = "published_by published_by_name published_at appeal_until consequence_scheme amended_grade"
_MAY_CHANGE = (
    ("operating_statements", "enterprise", f"status superseded_at {_NEXT}"),
    ("operating_statements", "anyone", f"status superseded_at {_DECIDED} {_NEXT}"),
    ("assessments", "anyone", f"{_PUBLISHED} {_NEXT}"),
    ("assessment_appeals", "enterprise", ""),
    ("assessment_appeals", "anyone", "outcome cause decided_by decided_by_name decided_at"),
    ("complaints", "enterprise", f"status statement_text statement_document_ids answered_at {_NEXT}"),
    ("complaints", "complainant", f"contact_erased_at {_NEXT}"),
    ("complaint_events", "anyone", ""),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for block in (_STATEMENTS, _ASSESSMENTS, _COMPLAINTS):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    for table, (sees, leaves) in _POLICIES.items():
        protect_table(op, f"registry.{table}", sees, leaves)
        op.execute(f"REVOKE DELETE ON registry.{table} FROM registry_api")
    for statement in filter(str.strip, _FURTHER.split(";\n")):
        op.execute(statement)
    op.execute(_KEEP)
    for table, whose, columns in _MAY_CHANGE:
        arguments = ", ".join(f"'{name}'" for name in (whose, *columns.split()))
        op.execute(
            f"CREATE TRIGGER keep_columns_{whose} BEFORE UPDATE ON registry.{table}"
            f" FOR EACH ROW EXECUTE FUNCTION registry.keep_columns({arguments})"
        )


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
