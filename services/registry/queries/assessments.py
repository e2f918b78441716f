"""Reads of assessments; a firm sees its own once they are published."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Assessment, Enterprise
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


@dataclass(frozen=True, slots=True)
class AssessmentFilter:
    """What a list of assessments is narrowed to; None is no condition."""

    enterprise_id: UUID | None = None
    period: str | None = None
    scheme_version: str | None = None
    grade: str | None = None
    published: bool | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    if who.is_bureau:
        return true()
    return and_(Assessment.enterprise_id == who.enterprise_id, Assessment.published_at.is_not(None))


async def get_assessment(
    session: AsyncSession, who: Principal, assessment_id: UUID, *, lock: bool = False
) -> Assessment:
    """Return an assessment the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown, another's, or not published.
    """
    statement = select(Assessment).where(Assessment.id == assessment_id, _visible(who))
    assessment = await session.scalar(statement.with_for_update() if lock else statement)
    if assessment is None:
        raise NotFound
    return assessment


async def find_received(
    session: AsyncSession, enterprise_id: UUID, period: str, scheme_version: str
) -> Assessment | None:
    """Return a firm's assessment of a period by a version of the scheme, or None."""
    statement = select(Assessment).where(
        Assessment.enterprise_id == enterprise_id,
        Assessment.period == period,
        Assessment.scheme_version == scheme_version,
    )
    return await session.scalar(statement)


async def check_enterprise(session: AsyncSession, enterprise_id: UUID) -> None:
    """Make sure that there is such a firm.

    Raises:
        NotFound: There is none.
    """
    if await session.scalar(select(Enterprise.id).where(Enterprise.id == enterprise_id)) is None:
        raise NotFound


async def page_assessments(
    session: AsyncSession, who: Principal, only: AssessmentFilter, cursor: str | None, limit: int
) -> tuple[list[Assessment], str | None]:
    """Return a page of the assessments the caller may see."""
    statement = select(Assessment).where(_visible(who))
    for column, value in (
        (Assessment.enterprise_id, only.enterprise_id),
        (Assessment.period, only.period),
        (Assessment.scheme_version, only.scheme_version),
        (func.coalesce(Assessment.amended_grade, Assessment.grade), only.grade),
        (Assessment.published_at.is_not(None), only.published),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return await page(session, statement, [Assessment.id], cursor, limit)
