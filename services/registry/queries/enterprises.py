"""Reads of enterprises and applications; the caller's ownership is a `where` in each."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing, in_force
from services.registry.domain.secrets import digest
from services.registry.errors import EnterpriseSuspended
from services.registry.models import Enterprise, EnterpriseApplication, EnterpriseStanding
from services.registry.queries.late_standings import note_standing
from services.registry.queries.scopes import enter_applicant
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Enterprise.id == who.enterprise_id


async def get_enterprise(session: AsyncSession, who: Principal, enterprise_id: UUID) -> Enterprise:
    """Return a firm the caller may see.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Enterprise).where(Enterprise.id == enterprise_id, _visible(who))
    enterprise = await session.scalar(statement)
    if enterprise is None:
        raise NotFound
    return enterprise


async def page_enterprises(
    session: AsyncSession, who: Principal, status: str | None, cursor: str | None, limit: int
) -> tuple[list[Enterprise], str | None]:
    """Return a page of the firms the caller may see."""
    return await page(session, enterprises_of(who, status), [Enterprise.id], cursor, limit)


def enterprises_of(who: Principal, status: str | None) -> Select[Enterprise]:
    """Return the select of the firms the caller may see."""
    statement = select(Enterprise).where(_visible(who))
    return statement if status is None else statement.where(standing_in_force() == status)


def standing_in_force() -> ColumnElement[str]:
    """Give `domain.enterprises.in_force` as SQL."""
    lapsed = and_(Enterprise.status == "active", func.cardinality(Enterprise.lapses) > 0)
    found: ColumnElement[str] = case((lapsed, "suspended"), else_=Enterprise.status)
    return found


async def page_standings(
    session: AsyncSession, who: Principal, enterprise_id: UUID, cursor: str | None, limit: int
) -> tuple[list[EnterpriseStanding], str | None]:
    """Return a page of the decisions about a firm's standing.

    Raises:
        NotFound: Unknown or another's.
    """
    await get_enterprise(session, who, enterprise_id)
    statement = select(EnterpriseStanding).where(EnterpriseStanding.enterprise_id == enterprise_id)
    return await page(session, statement, [EnterpriseStanding.id], cursor, limit)


async def standings_of(session: AsyncSession, enterprise_id: UUID) -> list[EnterpriseStanding]:
    """Return a firm's standings by effective time; of decisions with the same one only the last."""
    return await standings_of_all(session, [enterprise_id])


async def standings_of_all(
    session: AsyncSession, enterprise_ids: Collection[UUID]
) -> list[EnterpriseStanding]:
    """Return the standings of firms by effective time; of one firm's with the same one only the last."""
    statement = (
        select(EnterpriseStanding)
        .where(EnterpriseStanding.enterprise_id.in_(enterprise_ids))
        .order_by(EnterpriseStanding.effective_at, EnterpriseStanding.decided_at, EnterpriseStanding.id)
    )
    found = await session.scalars(statement)
    last = {(standing.enterprise_id, standing.effective_at): standing for standing in found}
    return list(last.values())


async def get_enterprise_for_update(session: AsyncSession, enterprise_id: UUID) -> Enterprise:
    """Return a firm, locked against every other change.

    Raises:
        NotFound: No such firm.
    """
    # Its key stays: whatever long work adds for the firm meanwhile is not waited for.
    statement = select(Enterprise).where(Enterprise.id == enterprise_id).with_for_update(key_share=True)
    enterprise = await session.scalar(statement, execution_options={"populate_existing": True})
    if enterprise is None:
        raise NotFound
    return enterprise


async def get_writing_enterprise(session: AsyncSession, enterprise_id: UUID) -> Enterprise:
    """Return an active firm and keep it active until this transaction ends, or have it confirmed then.

    Raises:
        NotFound: No such firm.
        EnterpriseSuspended: It is not active, by decision or because a licence has run out.
    """
    enterprise = await _kept(session, enterprise_id, {"active"})
    if in_force(enterprise.status, enterprise.lapses) != Standing.ACTIVE:
        raise EnterpriseSuspended
    return enterprise


async def get_renewing_enterprise(session: AsyncSession, enterprise_id: UUID) -> Enterprise:
    """Return a firm that no decision has suspended: with a lapse, too, it may renew what has run out.

    Raises:
        NotFound: No such firm.
        EnterpriseSuspended: It is not active by decision.
    """
    return await _kept(session, enterprise_id, {"active"})


async def get_open_enterprise(session: AsyncSession, enterprise_id: UUID) -> Enterprise:
    """Return a firm that is not closed and keep it so until this transaction ends, or have it confirmed then.

    Raises:
        NotFound: No such firm.
        EnterpriseSuspended: It is closed.
    """
    return await _kept(session, enterprise_id, {"active", "suspended"})


async def _kept(session: AsyncSession, enterprise_id: UUID, standings: set[str]) -> Enterprise:
    statement = select(Enterprise).where(Enterprise.id == enterprise_id)
    if not note_standing(session, enterprise_id, standings):
        statement = statement.with_for_update(read=True)
    enterprise = await session.scalar(statement)
    if enterprise is None:
        raise NotFound
    if enterprise.status not in standings:
        raise EnterpriseSuspended
    return enterprise


async def owners_of(
    session: AsyncSession, enterprise_id: UUID | None, usccs: Collection[str]
) -> dict[str, Enterprise]:
    """Return by code the firms that rows of a file can belong to.

    Args:
        session: Of the worker, which sees all.
        enterprise_id: The firm whose file it is: it alone; None for an office's file.
        usccs: Codes the rows name.
    """
    statement = select(Enterprise)
    if enterprise_id is not None:
        statement = statement.where(Enterprise.id == enterprise_id)
    else:
        statement = statement.where(Enterprise.uscc.in_(usccs), Enterprise.status != "closed")
    # In one order, for what is locked of them.
    found = await session.scalars(statement.order_by(Enterprise.id))
    return {enterprise.uscc: enterprise for enterprise in found}


async def codes_of(session: AsyncSession, enterprise_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the codes of firms that the caller may see."""
    statement = select(Enterprise.id, Enterprise.uscc).where(Enterprise.id.in_(enterprise_ids))
    return {row.id: row.uscc for row in await session.execute(statement)}


async def enterprises_by_id(
    session: AsyncSession, enterprise_ids: Collection[UUID]
) -> dict[UUID, Enterprise]:
    """Return the firms with these ids, closed ones too."""
    statement = select(Enterprise).where(Enterprise.id.in_(enterprise_ids))
    return {enterprise.id: enterprise for enterprise in await session.scalars(statement)}


async def get_application(
    session: AsyncSession, application_id: UUID, reference_code: str
) -> EnterpriseApplication:
    """Return the application that has both this id and this reference code.

    Raises:
        NotFound: No such pair.
    """
    reference_hash = digest(reference_code)
    await enter_applicant(session, reference_hash)
    return await _application(session, application_id, reference_hash, lock=False)


async def get_application_for_update(
    session: AsyncSession, application_id: UUID, reference_hash: bytes | None = None
) -> EnterpriseApplication:
    """Return an application, locked; an applicant shows its reference code.

    Raises:
        NotFound: No such application.
    """
    return await _application(session, application_id, reference_hash, lock=True)


async def _application(
    session: AsyncSession, application_id: UUID, reference_hash: bytes | None, *, lock: bool
) -> EnterpriseApplication:
    statement = select(EnterpriseApplication).where(EnterpriseApplication.id == application_id)
    if reference_hash is not None:
        statement = statement.where(EnterpriseApplication.reference_hash == reference_hash)
    application = await session.scalar(statement.with_for_update() if lock else statement)
    if application is None:
        raise NotFound
    return application


async def page_applications(
    session: AsyncSession, status: str | None, cursor: str | None, limit: int
) -> tuple[list[EnterpriseApplication], str | None]:
    """Return a page of applications, for the offices."""
    statement = select(EnterpriseApplication)
    if status is not None:
        statement = statement.where(EnterpriseApplication.status == status)
    return await page(session, statement, [EnterpriseApplication.id], cursor, limit)
