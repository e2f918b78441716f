"""Writing an entity that has versions."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.writing import Refusals, write


async def write_next(
    session: AsyncSession, entity: Any, now: datetime, refusals: Refusals | None = None
) -> None:
    """Write the next version of a new or locked entity.

    Raises:
        ServiceError: As `refusals` says.
    """
    entity.version += 1
    entity.updated_at = now
    session.add(entity)
    await write(session, refusals or {})
