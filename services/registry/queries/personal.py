"""Reads of the log of readings and of erasures; the caller's ownership is a `where` in each."""

import json
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import AccessEntry, Erasure
from services.registry.schemas.personal import PersonalReadingOut
from services.shared.auth import Principal
from services.shared.paging import page

_READING = {
    "read_at": "recorded_at",
    "reader": "subject",
    "reader_name": "name",
    "role": "role",
    "subject_kind": "kind",
    "subject_id": "about",
    "enterprise_id": "enterprise_id",
    "fields": "fields",
    "purpose": "purpose",
}


def _visible(who: Principal, kind: type[AccessEntry | Erasure]) -> ColumnElement[bool]:
    return true() if who.is_bureau else kind.enterprise_id == who.enterprise_id


async def page_readings(
    session: AsyncSession, who: Principal, subject_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[PersonalReadingOut], str | None]:
    """Return a page of the readings about what is the caller's, of one person or document when asked."""
    statement = select(AccessEntry).where(_visible(who, AccessEntry))
    if subject_id is not None:
        statement = statement.where(AccessEntry.about == subject_id)
    rows, following = await page(session, statement, [AccessEntry.pos], cursor, limit)
    return [_shown(row.pos, json.loads(row.entry)) for row in rows], following


def _shown(pos: int, entry: dict[str, object]) -> PersonalReadingOut:
    said = {name: entry[member] for name, member in _READING.items()}
    return PersonalReadingOut.model_validate({"log_pos": pos, **said})


async def page_erasures(
    session: AsyncSession, who: Principal, subject_id: UUID | None, cursor: str | None, limit: int
) -> tuple[list[Erasure], str | None]:
    """Return a page of the erasures the caller may see, of one person when asked."""
    statement = select(Erasure).where(_visible(who, Erasure))
    if subject_id is not None:
        statement = statement.where(Erasure.subject_id == subject_id)
    return await page(session, statement, [Erasure.id], cursor, limit)
