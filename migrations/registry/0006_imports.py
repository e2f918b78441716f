"""Imports: files of rows, their outcomes, their sealed bytes.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

from services.shared.ddl import protect_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BUREAU_OR_OWN = "app_is_bureau() OR enterprise_id = app_enterprise()"

_IMPORTS = """
CREATE TABLE registry.imports (
  id uuid CONSTRAINT pk_imports PRIMARY KEY,
  entity varchar(32) NOT NULL,
  enterprise_id uuid CONSTRAINT fk_imports_enterprise_id REFERENCES registry.enterprises (id),
  status varchar(16) NOT NULL CONSTRAINT ck_imports_status CHECK (status IN
    ('checking', 'checked', 'applying', 'applied', 'failed', 'withdrawn', 'expired')),
  format varchar(8) NOT NULL,
  size_bytes integer NOT NULL,
  columns varchar(64)[] NOT NULL,
  rows_total integer,
  rows_done integer NOT NULL,
  totals jsonb NOT NULL,
  reason_code varchar(64),
  reason_text varchar(1000),
  attempts integer NOT NULL,
  role varchar(32) NOT NULL,
  created_by varchar(200) NOT NULL,
  created_by_name varchar(200),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  checked_at timestamptz,
  skip_refused boolean NOT NULL,
  applied_by varchar(200),
  applied_by_name varchar(200),
  applied_at timestamptz,
  ended_at timestamptz
);
CREATE INDEX ix_imports_enterprise_id_id ON registry.imports (enterprise_id, id);
CREATE INDEX ix_imports_waiting ON registry.imports (id) WHERE status IN ('checking', 'applying');
CREATE INDEX ix_imports_expires_at ON registry.imports (expires_at) WHERE ended_at IS NULL;
CREATE TABLE registry.import_rows (
  import_id uuid NOT NULL CONSTRAINT fk_import_rows_import_id REFERENCES registry.imports (id),
  row_number integer NOT NULL,
  enterprise_id uuid,
  outcome varchar(16) NOT NULL,
  key varchar(64),
  entity_id uuid,
  faults jsonb NOT NULL,
  CONSTRAINT pk_import_rows PRIMARY KEY (import_id, row_number)
);
CREATE INDEX ix_import_rows_import_id_outcome_row_number
  ON registry.import_rows (import_id, outcome, row_number);
CREATE TABLE registry.import_pieces (
  import_id uuid NOT NULL CONSTRAINT fk_import_pieces_import_id REFERENCES registry.imports (id),
  kind varchar(8) NOT NULL,
  ordinal integer NOT NULL,
  enterprise_id uuid,
  box bytea NOT NULL,
  CONSTRAINT pk_import_pieces PRIMARY KEY (import_id, kind, ordinal)
);
ALTER TABLE registry.import_pieces ALTER COLUMN box SET STORAGE EXTERNAL;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for statement in filter(str.strip, _IMPORTS.split(";\n")):
        op.execute(statement)
    for table in ("imports", "import_rows", "import_pieces"):
        protect_table(op, f"registry.{table}", _BUREAU_OR_OWN, _BUREAU_OR_OWN)


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
