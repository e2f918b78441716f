"""Imports: a file taken in, what became of each of its rows, and its sealed bytes while they are needed."""

from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Import(Base):
    """One file of a firm (`enterprise_id`) or of an office (none), and how far it is.

    `role` is that of the party that handed it in; `columns` are those its heading names; `totals` counts rows
    by outcome; `attempts` how often its work was begun. `reason_*` say why the file or its application was
    refused.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index("ix_imports_enterprise_id_id", "enterprise_id", "id"),
        Index("ix_imports_waiting", "id", postgresql_where=text("status IN ('checking', 'applying')")),
        Index("ix_imports_expires_at", "expires_at", postgresql_where=text("ended_at IS NULL")),
        CheckConstraint(
            "status IN ('checking', 'checked', 'applying', 'applied', 'failed', 'withdrawn', 'expired')",
            name="status",
        ),
    )

    id: Mapped[Key]
    entity: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    status: Mapped[str] = mapped_column(String(16))
    format: Mapped[str] = mapped_column(String(8))
    size_bytes: Mapped[int]
    columns: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    rows_total: Mapped[int | None]
    rows_done: Mapped[int]
    totals: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason_text: Mapped[str | None] = mapped_column(String(1000))
    attempts: Mapped[int]
    role: Mapped[str] = mapped_column(String(32))
    created_by: Mapped[str] = mapped_column(String(200))
    created_by_name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp]
    checked_at: Mapped[Timestamp | None]
    skip_refused: Mapped[bool]
    applied_by: Mapped[str | None] = mapped_column(String(200))
    applied_by_name: Mapped[str | None] = mapped_column(String(200))
    applied_at: Mapped[Timestamp | None]
    ended_at: Mapped[Timestamp | None]

    @property
    def reason(self) -> dict[str, str] | None:
        """Why the file or its application was refused."""
        return {"code": self.reason_code, "message": self.reason_text or ""} if self.reason_code else None


class ImportRow(Base):
    """What becomes of one row: its outcome and, where refused, why; never a value of the file but its key."""

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("ix_import_rows_import_id_outcome_row_number", "import_id", "outcome", "row_number"),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("registry.imports.id"), primary_key=True)
    row_number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enterprise_id: Mapped[UUID | None]
    outcome: Mapped[str] = mapped_column(String(16))
    key: Mapped[str | None] = mapped_column(String(64))
    entity_id: Mapped[UUID | None]
    faults: Mapped[list[dict[str, str]]] = mapped_column(JSONB)


class ImportPiece(Base):
    """A sealed piece of a file as uploaded (`file`) or of the rows read from it (`rows`)."""

    __tablename__ = "import_pieces"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("registry.imports.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    enterprise_id: Mapped[UUID | None]
    box: Mapped[bytes] = mapped_column(LargeBinary)
