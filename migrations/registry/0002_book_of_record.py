"""Personal values, documents, certificates, verifications; vehicles and enterprises in full.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

from services.shared.ddl import protect_table
from services.shared.personal import create_personal_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BUREAU_OR_OWN = "app_is_bureau() OR enterprise_id = app_enterprise()"

_ENTERPRISES = """
ALTER TABLE registry.enterprise_applications
  ADD COLUMN address varchar(500), ADD COLUMN decided_by_name varchar(200);
ALTER TABLE registry.enterprise_standings ADD COLUMN decided_by_name varchar(200);
ALTER TABLE registry.enterprises
  ADD COLUMN address varchar(500),
  ADD COLUMN member_from date,
  ADD COLUMN member_to date,
  ADD COLUMN lapses varchar(32)[] NOT NULL DEFAULT '{}',
  ADD COLUMN turns_at timestamptz,
  ADD COLUMN verified jsonb NOT NULL DEFAULT '{}';
CREATE INDEX ix_enterprises_turns_at ON registry.enterprises (turns_at) WHERE turns_at IS NOT NULL;
"""

_VEHICLES = """
ALTER TABLE registry.vehicles
  ADD COLUMN vin varchar(17),
  ADD COLUMN emission_stage smallint,
  ADD COLUMN use_character varchar(20),
  ADD COLUMN registered_on date,
  ADD COLUMN licence_issued_on date,
  ADD COLUMN licence_issuer varchar(128),
  ADD COLUMN entry_reason varchar(16),
  ADD COLUMN entry_on date,
  ADD COLUMN exit_reason varchar(16),
  ADD COLUMN exit_on date,
  ADD COLUMN inspection_valid_to date,
  ADD COLUMN insurance_valid_to date,
  ADD COLUMN road_transport_certificate_number varchar(64),
  ADD COLUMN road_transport_certificate_valid_to date,
  ADD COLUMN lapses varchar(32)[] NOT NULL DEFAULT '{}',
  ADD COLUMN turns_at timestamptz,
  ADD COLUMN verified jsonb NOT NULL DEFAULT '{}';
CREATE INDEX ix_vehicles_plate_number_plate_color ON registry.vehicles (plate_number, plate_color);
CREATE INDEX ix_vehicles_turns_at ON registry.vehicles (turns_at) WHERE turns_at IS NOT NULL;
"""

_DOCUMENTS = """
CREATE TABLE registry.documents (
  id uuid CONSTRAINT pk_documents PRIMARY KEY,
  enterprise_id uuid CONSTRAINT fk_documents_enterprise_id REFERENCES registry.enterprises (id),
  application_id uuid
    CONSTRAINT fk_documents_application_id REFERENCES registry.enterprise_applications (id),
  sha256 bytea NOT NULL,
  media_type varchar(64) NOT NULL,
  size_bytes integer NOT NULL,
  uploaded_by varchar(200) NOT NULL,
  created_at timestamptz NOT NULL,
  erased_at timestamptz,
  box bytea,
  CONSTRAINT ck_documents_owner CHECK (enterprise_id IS NULL OR application_id IS NULL)
);
CREATE UNIQUE INDEX uq_documents_enterprise_id_sha256 ON registry.documents (enterprise_id, sha256)
  WHERE erased_at IS NULL;
CREATE UNIQUE INDEX uq_documents_application_id_sha256 ON registry.documents (application_id, sha256)
  WHERE erased_at IS NULL;
CREATE UNIQUE INDEX uq_documents_sha256 ON registry.documents (sha256)
  WHERE enterprise_id IS NULL AND application_id IS NULL AND erased_at IS NULL;
ALTER TABLE registry.documents ALTER COLUMN box SET STORAGE EXTERNAL;
"""

_CERTIFICATES = """
CREATE TABLE registry.certificates (
  id uuid CONSTRAINT pk_certificates PRIMARY KEY,
  holder_kind varchar(16) NOT NULL,
  holder_id uuid NOT NULL,
  enterprise_id uuid NOT NULL
    CONSTRAINT fk_certificates_enterprise_id REFERENCES registry.enterprises (id),
  kind varchar(32) NOT NULL,
  number varchar(64),
  issuer varchar(200),
  grade varchar(8),
  category varchar(32),
  valid_from date,
  valid_to date,
  document_ids uuid[] NOT NULL,
  recorded_by varchar(200) NOT NULL,
  recorded_at timestamptz NOT NULL,
  by_office boolean NOT NULL,
  withdrawn_by varchar(200),
  withdrawn_at timestamptz,
  withdrawn_reason varchar(1000),
  CONSTRAINT ck_certificates_days CHECK (valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from)
);
CREATE INDEX ix_certificates_holder_id ON registry.certificates (holder_id);
CREATE INDEX ix_certificates_enterprise_id_id ON registry.certificates (enterprise_id, id);
"""

_VERIFICATIONS = """
CREATE TABLE registry.verifications (
  id uuid CONSTRAINT pk_verifications PRIMARY KEY,
  subject_kind varchar(16) NOT NULL,
  subject_id uuid NOT NULL,
  enterprise_id uuid CONSTRAINT fk_verifications_enterprise_id REFERENCES registry.enterprises (id),
  field_group varchar(32) NOT NULL,
  level varchar(32) NOT NULL,
  source varchar(64),
  note varchar(1000),
  document_ids uuid[] NOT NULL,
  verified_by varchar(200) NOT NULL,
  verified_by_name varchar(300) NOT NULL,
  verified_at timestamptz NOT NULL,
  ended_at timestamptz,
  end_cause varchar(16)
);
CREATE UNIQUE INDEX uq_verifications_subject_id_field_group
  ON registry.verifications (subject_id, field_group) WHERE ended_at IS NULL;
CREATE INDEX ix_verifications_enterprise_id_id ON registry.verifications (enterprise_id, id);
"""

# An applicant, who has shown a reference code, adds and sees the evidence of that one application.
_APPLICANTS = (
    "app_role() = 'applicant' AND EXISTS (SELECT 1 FROM registry.enterprise_applications a"
    " WHERE a.id = documents.application_id)"
)


# What only an office may change of a firm, also where the firm itself writes its particulars.
_GUARD = """
CREATE FUNCTION registry.guard_enterprise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF app_role() = 'enterprise'
     AND (NEW.id, NEW.uscc, NEW.status, NEW.standing_reason, NEW.standing_since, NEW.is_demo, NEW.member_from,
          NEW.member_to)
     IS DISTINCT FROM
         (OLD.id, OLD.uscc, OLD.status, OLD.standing_reason, OLD.standing_since, OLD.is_demo, OLD.member_from,
          OLD.member_to) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a firm may not decide about itself';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # A stranger may leave a subject of nobody's behind (an application's contact) and never sees it again.
    create_personal_tables(op, "registry", _BUREAU_OR_OWN, f"{_BUREAU_OR_OWN} OR enterprise_id IS NULL")
    for block in (_ENTERPRISES, _VEHICLES, _DOCUMENTS, _CERTIFICATES, _VERIFICATIONS):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    for table in ("certificates", "verifications"):
        protect_table(op, f"registry.{table}", _BUREAU_OR_OWN, _BUREAU_OR_OWN)
    # A firm's edit may end a verification of its own; only an office makes one.
    op.execute(
        "CREATE POLICY verifications_made ON registry.verifications AS RESTRICTIVE FOR INSERT TO registry_api"
        " WITH CHECK (app_is_bureau())"
    )
    op.execute(
        "ALTER POLICY enterprises_api ON registry.enterprises"
        " WITH CHECK (app_is_bureau() OR id = app_enterprise())"
    )
    op.execute(_GUARD)
    op.execute(
        "CREATE TRIGGER guard_enterprise BEFORE UPDATE ON registry.enterprises"
        " FOR EACH ROW EXECUTE FUNCTION registry.guard_enterprise()"
    )
    documents = f"{_BUREAU_OR_OWN} OR ({_APPLICANTS})"
    protect_table(op, "registry.documents", documents, documents)


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
