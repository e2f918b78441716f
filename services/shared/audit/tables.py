"""Where an audit log is kept, and the one every service may have of who read what about whom.

- A log's own columns: `pos`, `recorded_at`, `subject` (who), `entry` (canonical JSON, the record itself) and
  `digest`. `LogTable.repeated` are further columns that repeat members of the entry, to look entries up by.
- `access_log`: one row a reading of personal values or evidence; never the values.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A column that repeats a member of the entry.

    Attributes:
        name: The column.
        type: PostgreSQL's name of its type.
        path: Where in the entry its value stands.
    """

    name: str
    type: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogTable:
    """One append-only log: its service, its name, and what it repeats of its entries."""

    schema: str
    name: str
    repeated: tuple[Repeated, ...]


def access_log_of(schema: str) -> LogTable:
    """Return a service's log of readings."""
    about = Repeated("about", "uuid", ("about",))
    return LogTable(schema, "access_log", (about, Repeated("enterprise_id", "uuid", ("enterprise_id",))))


def access_log_table(metadata: MetaData) -> Table:
    """Declare `access_log` in a service's metadata."""
    return Table(
        "access_log",
        metadata,
        Column("pos", BigInteger, primary_key=True, autoincrement=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("about", Uuid, nullable=False),
        Column("enterprise_id", Uuid),
        Column("entry", LargeBinary, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        CheckConstraint("pos > 0", name="pos"),
        Index("ix_access_log_about_pos", "about", "pos"),
        Index("ix_access_log_enterprise_id_pos", "enterprise_id", "pos"),
    )


def create_access_log(op: Any, schema: str) -> None:
    """Create `access_log` in a migration.

    One group commit writes the readings of many callers, so appending is free; a firm reads what is about its
    own, the offices and the service itself read all; nobody alters or deletes.
    """
    table, api, worker = f"{schema}.access_log", f"{schema}_api", f"{schema}_worker"
    own = "app_is_bureau() OR enterprise_id = app_enterprise()"
    for statement in (
        (
            f"CREATE TABLE {table} (pos bigint CONSTRAINT pk_access_log PRIMARY KEY"
            " CONSTRAINT ck_access_log_pos CHECK (pos > 0),"
            " recorded_at timestamptz NOT NULL, subject varchar(200) NOT NULL, about uuid NOT NULL,"
            " enterprise_id uuid, entry bytea NOT NULL, digest bytea NOT NULL)"
        ),
        f"CREATE INDEX ix_access_log_about_pos ON {table} (about, pos)",
        f"CREATE INDEX ix_access_log_enterprise_id_pos ON {table} (enterprise_id, pos)",
        f"REVOKE UPDATE, DELETE ON {table} FROM {api}, {worker}",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY access_log_append ON {table} FOR INSERT TO {api} WITH CHECK (true)",
        f"CREATE POLICY access_log_read ON {table} FOR SELECT TO {api} USING ({own})",
        f"CREATE POLICY access_log_worker ON {table} TO {worker} USING (true)",
        f"CREATE POLICY access_log_owner ON {table} TO {schema}_owner USING (true)",
    ):
        op.execute(statement)
