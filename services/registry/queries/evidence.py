"""Where documents are evidence: every table that has a column of documents, whoever's it is."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Table, any_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Base, Document, Driver, Verification


def evidence_columns() -> Iterator[tuple[Table, ColumnElement[Any]]]:
    """Return the columns that name documents: `…document_ids` and `…document_id`."""
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if f"_{column.name}".endswith(("_document_id", "_document_ids")):
                yield table, column


async def lock_documents_of(
    session: AsyncSession, document_ids: Collection[UUID], people: Collection[UUID]
) -> list[Document]:
    """Return those of the documents, locked, that are evidence of nobody and nothing but these drivers.

    A verification of one of them is evidence of that one, whether it is in force or has ended.
    """
    statement = select(Document).where(Document.id.in_(document_ids), Document.erased_at.is_(None))
    found = list(await session.scalars(statement.order_by(Document.id).with_for_update()))
    return [each for each in found if not await _is_named_elsewhere(session, each.id, people)]


async def _is_named_elsewhere(session: AsyncSession, document_id: UUID, people: Collection[UUID]) -> bool:
    for table, column in evidence_columns():
        named = any_(column) if isinstance(column.type, ARRAY) else column
        about = table.c.subject_id if table is Verification.__table__ else table.c.id
        statement = select(table.c.id).where(named == document_id, about.not_in(people)).limit(1)
        if await session.scalar(statement) is not None:
            return True
    return False


async def is_evidence_of_driver(session: AsyncSession, document_id: UUID) -> bool:
    """Tell whether a document proves something of a driver or rider, or did by a verification."""
    of_papers = select(Driver.id).where(any_(Driver.document_ids) == document_id)
    verified = select(Verification.id).where(
        Verification.subject_kind == "driver", any_(Verification.document_ids) == document_id
    )
    return bool(await session.scalar(select(or_(of_papers.exists(), verified.exists()))))
