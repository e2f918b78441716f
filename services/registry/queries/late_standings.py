"""Standings that long work confirms when it ends, so that no decision about a firm waits for it."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import in_force
from services.registry.errors import EnterpriseSuspended
from services.registry.models import Enterprise

_NOTED = "late_standings"


def confirm_late(session: AsyncSession) -> None:
    """Have firms whose standing this transaction rests on noted and not held, until it confirms them."""
    session.info[_NOTED] = {}


def note_standing(session: AsyncSession, enterprise_id: UUID, standings: Collection[str]) -> bool:
    """Note that a firm must have one of these standings; False where it is to be held at once."""
    noted: dict[UUID, set[str]] | None = session.info.get(_NOTED)
    if noted is None:
        return False
    noted[enterprise_id] = noted.get(enterprise_id, set(standings)) & set(standings)
    return True


async def confirm_standings(session: AsyncSession) -> None:
    """Hold the firms that were noted, as they must be; the last statement before the commit.

    Raises:
        EnterpriseSuspended: One has been suspended or closed, or has lapsed, meanwhile.
    """
    noted: dict[UUID, set[str]] = session.info[_NOTED]
    statement = select(Enterprise.id, Enterprise.status, Enterprise.lapses).where(Enterprise.id.in_(noted))
    found = await session.execute(statement.order_by(Enterprise.id).with_for_update(read=True))
    if any(in_force(row.status, row.lapses) not in noted[row.id] for row in found):
        raise EnterpriseSuspended
