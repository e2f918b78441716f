"""The end of a registration: its terminals are bound to it no longer (`design.md`, Identity)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.models import PendingDerivation
from services.telemetry.operations.terminals import publish_terminal
from services.telemetry.queries.terminals import lock_bound_terminals


async def end_bindings(session: AsyncSession, vehicle_id: UUID, end: datetime) -> None:
    """End what still binds terminals to a vehicle at the end of its registration; later fixes are not its.

    The terminal stays, bound to nothing until it is fitted to the registration that continues.
    """
    bound = await lock_bound_terminals(session, vehicle_id, end)
    for terminal, binding in bound:
        binding.valid_to = max(end, binding.valid_from)
        await publish_terminal(session, terminal)
    if bound:
        session.add(PendingDerivation(vehicle_id=vehicle_id, since=end))
