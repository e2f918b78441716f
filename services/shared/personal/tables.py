"""The two tables of personal values, as metadata and as the statements of a migration.

- `personal_subjects`: one row a subject: its own key, wrapped, and whose subject it is.
- `personal_values`: one row a value: its box, and its blind index where it can be looked up.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    func,
    text,
)

from services.shared.ddl import protect_table


@dataclass(frozen=True, slots=True)
class PersonalTables:
    """The tables of one service."""

    subjects: Table
    values: Table


def personal_tables(metadata: MetaData) -> PersonalTables:
    """Declare the tables in a service's metadata."""
    subjects = Table(
        "personal_subjects",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("enterprise_id", Uuid, index=True),
        Column("ring_key", String(64), nullable=False),
        Column("own_key", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    values = Table(
        "personal_values",
        metadata,
        Column(
            "subject_id",
            ForeignKey(f"{metadata.schema}.personal_subjects.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        Column("field", String(32), primary_key=True),
        Column("enterprise_id", Uuid),
        Column("box", LargeBinary, nullable=False),
        Column("blind_index", LargeBinary),
        Index(
            "ix_personal_values_blind_index", "blind_index", postgresql_where=text("blind_index IS NOT NULL")
        ),
    )
    return PersonalTables(subjects, values)


def create_personal_tables(op: Any, schema: str, sees: str, leaves: str) -> None:
    """Create the tables under forced row-level security.

    Args:
        op: Alembic's operations.
        schema: The service.
        sees: Rows the API role sees, by `enterprise_id`.
        leaves: Rows it may leave behind, by `enterprise_id`.
    """
    op.execute(
        f"CREATE TABLE {schema}.personal_subjects ("
        " id uuid CONSTRAINT pk_personal_subjects PRIMARY KEY, enterprise_id uuid,"
        " ring_key varchar(64) NOT NULL, own_key bytea NOT NULL,"
        " created_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute(
        f"CREATE INDEX ix_personal_subjects_enterprise_id ON {schema}.personal_subjects (enterprise_id)"
    )
    op.execute(
        f"CREATE TABLE {schema}.personal_values ("
        f" subject_id uuid NOT NULL CONSTRAINT fk_personal_values_subject_id"
        f" REFERENCES {schema}.personal_subjects (id) ON DELETE CASCADE,"
        " field varchar(32) NOT NULL, enterprise_id uuid, box bytea NOT NULL, blind_index bytea,"
        " CONSTRAINT pk_personal_values PRIMARY KEY (subject_id, field))"
    )
    op.execute(
        f"CREATE INDEX ix_personal_values_blind_index ON {schema}.personal_values (blind_index)"
        " WHERE blind_index IS NOT NULL"
    )
    for table in ("personal_subjects", "personal_values"):
        protect_table(op, f"{schema}.{table}", sees, leaves)
