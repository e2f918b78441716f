"""The gateway's first tables: copies of what it follows, the exchange's logs.

Revision ID: 0001
Revises:
"""

from alembic import op

from services.shared.changes.ddl import create_follow
from services.shared.ddl import create_kernel_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_COPIES = """
CREATE TABLE gateway.copies (
  id uuid NOT NULL,
  kind text NOT NULL,
  source text NOT NULL,
  version bigint NOT NULL,
  deleted boolean NOT NULL,
  demo boolean NOT NULL,
  in_scope boolean NOT NULL,
  stale boolean NOT NULL,
  parents uuid[] NOT NULL,
  state bytea NOT NULL,
  CONSTRAINT pk_copies PRIMARY KEY (id, kind)
);
CREATE INDEX ix_copies_parents ON gateway.copies USING gin (parents);
CREATE INDEX ix_copies_stale ON gateway.copies (source) WHERE stale;
"""

_LOGS = """
CREATE TABLE gateway.exchange_logs (
  dataset text NOT NULL,
  audience text NOT NULL,
  feed_id uuid NOT NULL,
  cluster text NOT NULL,
  pos bigint NOT NULL,
  digest bytea NOT NULL,
  recorded_at timestamptz NOT NULL,
  entities bigint NOT NULL,
  contents bytea NOT NULL,
  cut_pos bigint NOT NULL,
  cut_digest bytea NOT NULL,
  CONSTRAINT pk_exchange_logs PRIMARY KEY (dataset, audience)
);
CREATE TABLE gateway.exchange_changes (
  dataset text NOT NULL,
  audience text NOT NULL,
  pos bigint NOT NULL,
  kind text NOT NULL,
  id uuid NOT NULL,
  version bigint NOT NULL,
  schema_version smallint NOT NULL,
  deleted boolean NOT NULL,
  recorded_at timestamptz NOT NULL,
  state bytea NOT NULL,
  digest bytea NOT NULL,
  CONSTRAINT pk_exchange_changes PRIMARY KEY (dataset, audience, pos)
);
CREATE TABLE gateway.exchange_heads (
  dataset text NOT NULL,
  audience text NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  version bigint NOT NULL,
  schema_version smallint NOT NULL,
  deleted boolean NOT NULL,
  pos bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  state bytea NOT NULL,
  CONSTRAINT pk_exchange_heads PRIMARY KEY (dataset, audience, id)
);
"""

_RIGHTS = """
REVOKE INSERT, UPDATE, DELETE ON gateway.exchange_logs, gateway.exchange_changes, gateway.exchange_heads,
  gateway.follow_cursors FROM gateway_api;
REVOKE ALL ON gateway.copies FROM gateway_api;
REVOKE UPDATE, DELETE ON gateway.exchange_changes FROM gateway_worker;
REVOKE DELETE ON gateway.exchange_logs, gateway.exchange_heads FROM gateway_worker;
"""


def upgrade() -> None:
    """Create everything; the API may only read the logs and never sees the copies."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    create_kernel_tables(op, "gateway")
    create_follow(op, "gateway")
    for block in (_COPIES, _LOGS, _RIGHTS):
        for statement in filter(None, map(str.strip, block.split(";"))):
            op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    op.execute("SET LOCAL lock_timeout = '2s'")
    for table in (
        *("exchange_heads", "exchange_changes", "exchange_logs", "copies"),
        *("follow_cursors", "revoked_subjects", "idempotency_keys"),
    ):
        op.execute(f"DROP TABLE gateway.{table}")
