"""Where documents are evidence: every table that has a column of documents, whoever's it is."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Table, any_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Base, Document


def evidence_columns() -> Iterator[tuple[Table, ColumnElement[Any]]]:
    """Return the columns that name documents: `…document_ids` and `…document_id`."""
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if f"_{column.name}".endswith(("_document_id", "_document_ids")):
                yield table, column


async def lock_documents_of_one(
    session: AsyncSession, document_ids: Collection[UUID], owner_id: UUID
) -> list[Document]:
    """Return those of the documents, locked, that are evidence of the row `owner_id` and of no other."""
    statement = select(Document).where(Document.id.in_(document_ids), Document.erased_at.is_(None))
    found = list(await session.scalars(statement.order_by(Document.id).with_for_update()))
    return [each for each in found if not await _is_named_elsewhere(session, each.id, owner_id)]


async def _is_named_elsewhere(session: AsyncSession, document_id: UUID, owner_id: UUID) -> bool:
    for table, column in evidence_columns():
        named = any_(column) if isinstance(column.type, ARRAY) else column
        statement = select(table.c.id).where(named == document_id, table.c.id != owner_id).limit(1)
        if await session.scalar(statement) is not None:
            return True
    return False
