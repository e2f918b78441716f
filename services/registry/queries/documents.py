"""Reads of documents; the caller's ownership is a `where` in each."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from services.registry.models import Document
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Document.enterprise_id == who.enterprise_id


async def get_document(
    session: AsyncSession, who: Principal, document_id: UUID, *, with_bytes: bool = False
) -> Document:
    """Return a document the caller may see.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Document).where(Document.id == document_id, _visible(who))
    document = await session.scalar(statement.options(undefer(Document.box)) if with_bytes else statement)
    if document is None:
        raise NotFound
    return document


async def find_document_of(
    session: AsyncSession, enterprise_id: UUID | None, application_id: UUID | None, sha256: bytes
) -> Document | None:
    """Return an owner's document with these bytes, or None; an owner is a firm, an applicant or nobody."""
    statement = select(Document).where(
        Document.enterprise_id.is_not_distinct_from(enterprise_id),
        Document.application_id.is_not_distinct_from(application_id),
        Document.sha256 == sha256,
        Document.erased_at.is_(None),
    )
    return await session.scalar(statement)


async def page_documents(
    session: AsyncSession, who: Principal, enterprise_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[Document], str | None]:
    """Return a page of the documents the caller may see, of one firm when asked."""
    statement = select(Document).where(_visible(who))
    if enterprise_id is not None:
        statement = statement.where(Document.enterprise_id == enterprise_id)
    return await page(session, statement, [Document.id], cursor, limit)


async def page_documents_of_application(
    session: AsyncSession, application_id: UUID, cursor: str | None, limit: int
) -> tuple[list[Document], str | None]:
    """Return a page of an application's evidence."""
    statement = select(Document).where(Document.application_id == application_id)
    return await page(session, statement, [Document.id], cursor, limit)


async def count_documents_of_application(session: AsyncSession, application_id: UUID) -> int:
    """Return how many documents an applicant has uploaded."""
    ids = await session.scalars(select(Document.id).where(Document.application_id == application_id))
    return len(ids.all())


async def lock_documents_of_application(session: AsyncSession, application_id: UUID) -> list[Document]:
    """Return an application's documents, locked."""
    statement = select(Document).where(Document.application_id == application_id).with_for_update()
    return list(await session.scalars(statement))


async def seen_among(session: AsyncSession, who: Principal, document_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the documents that the caller may see, erased ones too."""
    return set(await session.scalars(select(Document.id).where(Document.id.in_(document_ids), _visible(who))))


async def find_documents(
    session: AsyncSession, who: Principal, document_ids: Collection[UUID]
) -> list[Document]:
    """Return those of the documents that the caller may see and that are not erased."""
    statement = select(Document).where(
        Document.id.in_(document_ids), Document.erased_at.is_(None), _visible(who)
    )
    return list(await session.scalars(statement))
