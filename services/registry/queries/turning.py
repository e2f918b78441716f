"""Reads of what turns: entities whose certificates lapse, or are in force again, at a known instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Enterprise, Vehicle


async def lock_due(session: AsyncSession, entity: Any, now: datetime, limit: int) -> Sequence[Any]:
    """Return up to `limit` rows of an entity that are due, the earliest first, locked; busy ones are left."""
    statement = select(entity).where(entity.turns_at <= now).order_by(entity.turns_at, entity.id)
    return (await session.scalars(statement.limit(limit).with_for_update(skip_locked=True))).all()


async def lock_of_closed(session: AsyncSession, now: datetime, limit: int) -> Sequence[Vehicle]:
    """Return up to `limit` registrations in force of firms that were closed, locked; busy ones are left."""
    statement = (
        select(Vehicle)
        .join(Enterprise, Enterprise.id == Vehicle.enterprise_id)
        .where(Enterprise.status == "closed", Vehicle.valid_from < now)
        .where(or_(Vehicle.valid_to.is_(None), Vehicle.valid_to > now))
        .order_by(Vehicle.id)
    )
    return (await session.scalars(statement.limit(limit).with_for_update(of=Vehicle, skip_locked=True))).all()
