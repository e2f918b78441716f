"""Versions of an entity: a change is based on the one its maker has seen, and makes the next."""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.errors import PreconditionFailed
from services.shared.writing import Refusals, write


class Versioned(Protocol):
    """An entity with a version."""

    version: int


def check_version(entity: Versioned, expected: int | None) -> None:
    """Refuse a change that is based on another version.

    Raises:
        PreconditionFailed: `expected` is not the locked entity's version.
    """
    if expected is not None and expected != entity.version:
        raise PreconditionFailed


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
