"""Reads of verifications; the caller's ownership is a `where` in each."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Verification
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Verification.enterprise_id == who.enterprise_id


async def lock_verifications(
    session: AsyncSession, groups: Mapping[UUID, Collection[str]]
) -> list[Verification]:
    """Return the verifications in force of these groups of each subject, locked."""
    wanted = [(subject_id, group) for subject_id, names in groups.items() for group in names]
    statement = select(Verification).where(
        tuple_(Verification.subject_id, Verification.field_group).in_(wanted), Verification.ended_at.is_(None)
    )
    return list(await session.scalars(statement.order_by(Verification.id).with_for_update()))


async def lock_verifications_of(session: AsyncSession, subject_ids: Collection[UUID]) -> list[Verification]:
    """Return all verifications of these subjects, ended ones too, locked."""
    statement = select(Verification).where(Verification.subject_id.in_(subject_ids))
    return list(await session.scalars(statement.order_by(Verification.id).with_for_update()))


async def get_verification(
    session: AsyncSession, who: Principal, verification_id: UUID, *, lock: bool = False
) -> Verification:
    """Return a verification the caller may see.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Verification).where(Verification.id == verification_id, _visible(who))
    if lock:  # read before it was locked: what another transaction made of it since is what counts
        statement = statement.with_for_update().execution_options(populate_existing=True)
    verification = await session.scalar(statement)
    if verification is None:
        raise NotFound
    return verification


async def page_verifications(
    session: AsyncSession,
    who: Principal,
    subject_id: UUID | None,
    cursor: str | None,
    limit: int,
    *,
    in_force: bool,
) -> tuple[list[Verification], str | None]:
    """Return a page of verifications the caller may see, ended ones too unless `in_force`."""
    statement = select(Verification).where(_visible(who))
    if subject_id is not None:
        statement = statement.where(Verification.subject_id == subject_id)
    if in_force:
        statement = statement.where(Verification.ended_at.is_(None))
    return await page(session, statement, [Verification.id], cursor, limit)
