"""Drivers, express tricycles, erasures, the log of readings, scopes of clients.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from services.shared.audit import create_access_log
from services.shared.ddl import protect_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CLIENTS = """
ALTER TABLE registry.clients ADD COLUMN scopes varchar(32)[] NOT NULL DEFAULT '{}';
"""

_DRIVERS = """
CREATE TABLE registry.drivers (
  id uuid CONSTRAINT pk_drivers PRIMARY KEY,
  enterprise_id uuid NOT NULL CONSTRAINT fk_drivers_enterprise_id REFERENCES registry.enterprises (id),
  kind varchar(8) NOT NULL CONSTRAINT ck_drivers_kind CHECK (kind IN ('driver', 'rider')),
  status varchar(8) NOT NULL CONSTRAINT ck_drivers_status CHECK (status IN ('active', 'ended', 'erased')),
  licence_class varchar(20),
  licence_issuer varchar(128),
  licence_valid_from date,
  licence_valid_to date,
  drives_over_4500_kg boolean NOT NULL,
  qualification_valid_from date,
  qualification_valid_to date,
  trained_on date,
  employed_from date,
  employed_to date,
  end_reason varchar(1000),
  document_ids uuid[] NOT NULL,
  lapses varchar(32)[] NOT NULL DEFAULT '{}',
  turns_at timestamptz,
  is_demo boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_drivers_employment CHECK (employed_to IS NULL OR employed_to >= employed_from)
);
CREATE INDEX ix_drivers_enterprise_id_id ON registry.drivers (enterprise_id, id);
CREATE INDEX ix_drivers_turns_at ON registry.drivers (turns_at) WHERE turns_at IS NOT NULL;
"""

_TRICYCLES = """
CREATE TABLE registry.tricycles (
  id uuid CONSTRAINT pk_tricycles PRIMARY KEY,
  enterprise_id uuid NOT NULL CONSTRAINT fk_tricycles_enterprise_id REFERENCES registry.enterprises (id),
  code varchar(64),
  status varchar(8) NOT NULL
    CONSTRAINT ck_tricycles_status CHECK (status IN ('pending', 'filed', 'retired')),
  brand varchar(64) NOT NULL,
  outlet varchar(200),
  model varchar(64) NOT NULL,
  meets_yzt_0136 boolean NOT NULL,
  frame_number varchar(32) NOT NULL,
  motor_number varchar(32),
  tag_id varchar(64),
  gps_terminal_number varchar(32),
  livery_document_id uuid
    CONSTRAINT fk_tricycles_livery_document_id REFERENCES registry.documents (id),
  responsibility_document_id uuid
    CONSTRAINT fk_tricycles_responsibility_document_id REFERENCES registry.documents (id),
  insurance_policy_number varchar(64),
  insurance_insurer varchar(128),
  insurance_valid_to date,
  annual_check_valid_to date,
  rider_id uuid CONSTRAINT fk_tricycles_rider_id REFERENCES registry.drivers (id),
  filed_on date,
  filed_by varchar(200),
  filed_by_name varchar(200),
  inspected_on date,
  inspected_by varchar(200),
  inspected_by_name varchar(200),
  inspection_note varchar(1000),
  violations_count integer NOT NULL,
  retired_reason varchar(1000),
  lapses varchar(32)[] NOT NULL DEFAULT '{}',
  turns_at timestamptz,
  is_demo boolean NOT NULL,
  version integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT ck_tricycles_filing CHECK ((code IS NULL) = (filed_on IS NULL))
);
CREATE UNIQUE INDEX uq_tricycles_code ON registry.tricycles (code);
CREATE UNIQUE INDEX uq_tricycles_frame_number ON registry.tricycles (frame_number) WHERE status <> 'retired';
CREATE UNIQUE INDEX uq_tricycles_tag_id ON registry.tricycles (tag_id) WHERE status <> 'retired';
CREATE UNIQUE INDEX uq_tricycles_gps_terminal_number ON registry.tricycles (gps_terminal_number)
  WHERE status <> 'retired';
CREATE UNIQUE INDEX uq_tricycles_rider_id ON registry.tricycles (rider_id) WHERE status <> 'retired';
CREATE INDEX ix_tricycles_enterprise_id_id ON registry.tricycles (enterprise_id, id);
CREATE INDEX ix_tricycles_turns_at ON registry.tricycles (turns_at) WHERE turns_at IS NOT NULL;
"""

_ERASURES = """
CREATE TABLE registry.erasures (
  id uuid CONSTRAINT pk_erasures PRIMARY KEY,
  subject_kind varchar(16) NOT NULL,
  subject_id uuid NOT NULL,
  enterprise_id uuid NOT NULL CONSTRAINT fk_erasures_enterprise_id REFERENCES registry.enterprises (id),
  requested_by varchar(16) NOT NULL,
  reason varchar(1000) NOT NULL,
  documents_erased integer NOT NULL,
  erased_by varchar(200) NOT NULL,
  erased_by_name varchar(200),
  erased_at timestamptz NOT NULL
);
CREATE INDEX ix_erasures_enterprise_id_id ON registry.erasures (enterprise_id, id);
CREATE INDEX ix_erasures_subject_id ON registry.erasures (subject_id);
REVOKE UPDATE, DELETE ON registry.erasures FROM registry_api, registry_worker;
"""

_BUREAU_OR_OWN = "app_is_bureau() OR enterprise_id = app_enterprise()"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for block in (_CLIENTS, _DRIVERS, _TRICYCLES, _ERASURES):
        for statement in filter(str.strip, block.split(";\n")):
            op.execute(statement)
    for table in ("drivers", "tricycles", "erasures"):
        protect_table(op, f"registry.{table}", _BUREAU_OR_OWN, _BUREAU_OR_OWN)
    create_access_log(op, "registry")


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
