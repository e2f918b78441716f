"""Reads of imports; the caller's ownership is a `where` in each that a party asks for."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import ImportStatus, Outcome
from services.registry.models import Import, ImportPiece, ImportRow
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page

_WAITING = (ImportStatus.CHECKING, ImportStatus.APPLYING)


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Import.enterprise_id == who.enterprise_id


async def get_import(session: AsyncSession, who: Principal, import_id: UUID, *, lock: bool = False) -> Import:
    """Return an import the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Import).where(Import.id == import_id, _visible(who))
    found = await session.scalar(statement.with_for_update() if lock else statement)
    if found is None:
        raise NotFound
    return found


async def page_imports(
    session: AsyncSession, who: Principal, status: str | None, cursor: str | None, limit: int
) -> tuple[list[Import], str | None]:
    """Return a page of the imports the caller may see."""
    statement = select(Import).where(_visible(who))
    if status is not None:
        statement = statement.where(Import.status == status)
    return await page(session, statement, [Import.id], cursor, limit)


async def page_rows(
    session: AsyncSession,
    who: Principal,
    import_id: UUID,
    outcomes: Collection[str],
    cursor: str | None,
    limit: int,
) -> tuple[list[ImportRow], str | None]:
    """Return a page of an import's rows by number, only of these outcomes when any are given.

    Raises:
        NotFound: Unknown or another's.
    """
    await get_import(session, who, import_id)
    statement = select(ImportRow).where(ImportRow.import_id == import_id)
    if outcomes:
        statement = statement.where(ImportRow.outcome.in_(outcomes))
    return await page(session, statement, [ImportRow.row_number], cursor, limit)


async def refused_rows(session: AsyncSession, import_id: UUID, limit: int) -> list[ImportRow]:
    """Return the first rows of an import that are refused."""
    statement = (
        select(ImportRow)
        .where(ImportRow.import_id == import_id, ImportRow.outcome.in_((Outcome.CONFLICT, Outcome.INVALID)))
        .order_by(ImportRow.row_number)
        .limit(limit)
    )
    return list(await session.scalars(statement))


async def count_open_imports(session: AsyncSession, who: Principal) -> int:
    """Return how many imports of a firm, or of one person or system of an office, have not ended."""
    own = Import.created_by == who.subject
    if who.enterprise_id is not None:
        own = Import.enterprise_id == who.enterprise_id
    statement = select(func.count()).where(own, Import.ended_at.is_(None))
    return await session.scalar(statement) or 0


async def totals_of(session: AsyncSession, import_id: UUID) -> dict[str, int]:
    """Return how many rows of an import have each outcome."""
    statement = (
        select(ImportRow.outcome, func.count())
        .where(ImportRow.import_id == import_id)
        .group_by(ImportRow.outcome)
    )
    found = {row[0]: row[1] for row in await session.execute(statement)}
    return {outcome.value: found.get(outcome.value, 0) for outcome in Outcome}


async def lock_known(session: AsyncSession, table: Table, import_id: UUID) -> None:
    """Lock all rows of a table that an import is about to change."""
    known = select(ImportRow.entity_id).where(
        ImportRow.import_id == import_id, ImportRow.outcome == Outcome.UPDATED
    )
    statement = select(table.c.id).where(table.c.id.in_(known)).order_by(table.c.id)
    await session.execute(statement.with_for_update(key_share=True))


async def find_waiting_import(session: AsyncSession) -> UUID | None:
    """Return the import that has waited longest for work; one that is being changed is left out."""
    statement = (
        select(Import.id)
        .where(Import.status.in_(_WAITING))
        .order_by(Import.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await session.scalar(statement)


async def find_import_for_update(session: AsyncSession, import_id: UUID) -> Import | None:
    """Return an import, locked; for the worker."""
    return await session.scalar(select(Import).where(Import.id == import_id).with_for_update())


async def find_expired_import(session: AsyncSession, now: datetime) -> Import | None:
    """Return an import whose time is up, locked, unless it is being applied."""
    statement = (
        select(Import)
        .where(Import.ended_at.is_(None), Import.expires_at <= now, Import.status != ImportStatus.APPLYING)
        .order_by(Import.expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return await session.scalar(statement)


async def ordinals_of(session: AsyncSession, import_id: UUID, kind: str) -> list[int]:
    """Return the numbers of an import's pieces of a kind, in order."""
    statement = select(ImportPiece.ordinal).where(
        ImportPiece.import_id == import_id, ImportPiece.kind == kind
    )
    return list(await session.scalars(statement.order_by(ImportPiece.ordinal)))


async def get_piece(session: AsyncSession, import_id: UUID, kind: str, ordinal: int) -> bytes:
    """Return one sealed piece.

    Raises:
        NotFound: It is gone.
    """
    statement = select(ImportPiece.box).where(
        ImportPiece.import_id == import_id, ImportPiece.kind == kind, ImportPiece.ordinal == ordinal
    )
    box = await session.scalar(statement)
    if box is None:
        raise NotFound
    return box


_AT_WORK = "hashtextextended('registry.importer', 0)"


async def is_importer_at_work(session: AsyncSession) -> bool:
    """Tell whether some process works on an import now; one in the whole city does at a time."""
    free = await session.scalar(text(f"SELECT pg_try_advisory_xact_lock({_AT_WORK})"))
    return not free


IMPORTER_LOCK = f"SELECT pg_try_advisory_lock({_AT_WORK})"
"""Taken by an importer's own connection for as long as it lives."""
