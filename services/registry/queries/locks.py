"""Names of the registry that one transaction at a time may hold."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.locks import lock_name


async def lock_plate(session: AsyncSession, plate_number: str, plate_color: int) -> None:
    """Let one transaction at a time register a plate.

    Two at once would wait for each other in the exclusion constraint and end as a deadlock.
    """
    await lock_name(session, f"plate/{plate_number}/{plate_color}")


async def lock_roster(session: AsyncSession, enterprise_id: UUID) -> None:
    """Be alone in taking people into a firm's employment until this transaction ends."""
    await lock_name(session, _roster(enterprise_id))


async def share_roster(session: AsyncSession, enterprise_id: UUID) -> None:
    """Wait until nobody is alone in taking people into a firm's employment, before anything else is held."""
    await lock_name(session, _roster(enterprise_id), shared=True)


def _roster(enterprise_id: UUID) -> str:
    return f"roster/{enterprise_id}"
