"""The kernel's tables in a service's schema, for its first migration and its metadata."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import MetaData, Table

from services.shared.auth.revocations import revocation_table
from services.shared.idempotency import idempotency_table


@dataclass(frozen=True, slots=True)
class KernelTables:
    """Tables every service has beside its own."""

    idempotency_keys: Table
    revoked_subjects: Table


def kernel_tables(metadata: MetaData) -> KernelTables:
    """Declare the kernel's tables in a service's metadata (`alembic check` compares them)."""
    return KernelTables(idempotency_table(metadata), revocation_table(metadata))


def create_kernel_tables(op: Any, schema: str) -> None:
    """Create the kernel's tables in a migration (expand only; never edited once merged)."""
    op.execute(
        f"CREATE TABLE {schema}.idempotency_keys ("
        " client varchar(200) NOT NULL, route varchar(200) NOT NULL, key varchar(200) NOT NULL,"
        " fingerprint bytea NOT NULL, status integer NOT NULL, body bytea NOT NULL,"
        " created_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT pk_idempotency_keys PRIMARY KEY (client, route, key))"
    )
    op.execute(f"CREATE INDEX ix_idempotency_keys_created_at ON {schema}.idempotency_keys (created_at)")
    op.execute(
        f"CREATE TABLE {schema}.revoked_subjects ("
        " subject varchar(200) NOT NULL, revoked_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT pk_revoked_subjects PRIMARY KEY (subject))"
    )


def protect_table(op: Any, table: str, sees: str, leaves: str) -> None:
    """Put a table under forced row-level security: the API role by these conditions, worker and owner whole.

    Args:
        op: Alembic's operations.
        table: With its schema, which is the service.
        sees: Rows the API role sees, by the functions `app_role()`, `app_enterprise()`, `app_is_bureau()`.
        leaves: Rows it may leave behind.
    """
    schema, _, name = table.partition(".")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {name}_api ON {table} TO {schema}_api USING ({sees}) WITH CHECK ({leaves})")
    for role in ("worker", "owner"):
        op.execute(
            f"CREATE POLICY {name}_{role} ON {table} TO {schema}_{role} USING (true) WITH CHECK (true)"
        )
