"""Reads of what turns: entities whose certificates lapse, or are in force again, at a known instant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession


async def lock_due(session: AsyncSession, entity: Any, now: datetime, limit: int) -> Sequence[Any]:
    """Return up to `limit` rows of an entity that are due, the earliest first, locked; busy ones are left."""
    statement = select(entity).where(entity.turns_at <= now).order_by(entity.turns_at, entity.id)
    return (await session.scalars(statement.limit(limit).with_for_update(skip_locked=True))).all()
