"""Courses of standings as the copies hold them."""

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.models import EnterpriseStanding, Vehicle
from services.shared.rules.standing import Course, Standing

_UNKNOWN: Final = Course.always(active=False)
"""A firm nobody has told of yet may not operate."""
_IN_ORDER: Final = Course.always(active=True)
"""Papers whose course has not arrived yet are in order."""


def firm_course(text: str | None) -> Course:
    """Return the course of a firm's standing from JSON; before it was admitted it might not operate."""
    known = Course.load(text)
    return Course((*_UNKNOWN.standings, *known.standings)) if known else _UNKNOWN


def papers_course(text: str) -> Course:
    """Return the course of a vehicle's papers from JSON."""
    return Course.load(text) or _IN_ORDER


async def get_firm_course(session: AsyncSession, enterprise_id: UUID) -> Course:
    """Return the course of a firm's standing."""
    rows = await session.scalars(
        select(EnterpriseStanding)
        .where(EnterpriseStanding.enterprise_id == enterprise_id)
        .order_by(EnterpriseStanding.since)
    )
    found = (Standing(row.since, row.status == "active", tuple(row.lapses)) for row in rows)
    return Course((*_UNKNOWN.standings, *found))


def papers_of(vehicle: Vehicle) -> Course:
    """Return the course of a vehicle's papers."""
    return Course.load(vehicle.standings) or _IN_ORDER
