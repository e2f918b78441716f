"""Names that one transaction at a time may hold, for what has no row yet that could be locked."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 9))")
_SHARED = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 9))")


async def lock_name(session: AsyncSession, name: str, *, shared: bool = False) -> None:
    """Wait until no other transaction holds this name, and hold it until this one ends.

    Args:
        session: Of the transaction.
        name: In a service's own words; a service's database roles share them.
        shared: Others may hold it likewise; who wants it alone waits.
    """
    await session.execute(_SHARED if shared else _ALONE, {"name": name})
