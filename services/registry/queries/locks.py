"""Names that one transaction at a time may hold."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 9))")
_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 9))")


async def lock_name(session: AsyncSession, name: str) -> None:
    """Wait until no other transaction holds this name, and hold it until this one ends.

    For what has no row yet that could be locked.
    """
    await session.execute(_LOCK, {"name": name})


async def lock_roster(session: AsyncSession, enterprise_id: UUID) -> None:
    """Be alone in taking people into a firm's employment until this transaction ends."""
    await lock_name(session, _roster(enterprise_id))


async def share_roster(session: AsyncSession, enterprise_id: UUID) -> None:
    """Wait until nobody is alone in taking people into a firm's employment, before anything else is held."""
    await session.execute(_SHARE, {"name": _roster(enterprise_id)})


def _roster(enterprise_id: UUID) -> str:
    return f"roster/{enterprise_id}"
