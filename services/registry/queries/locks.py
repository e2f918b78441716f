"""Names that one transaction at a time may hold."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 9))")


async def lock_name(session: AsyncSession, name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until this one ends.

    For what has no row yet that could be locked.
    """
    await session.execute(_LOCK, {"name": name})
