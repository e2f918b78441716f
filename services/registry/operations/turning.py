"""Expiry at work: what has come due is settled and published anew.

The published course holds every lapse in advance, so whoever reads it is exact at the very instant; this says
in the feed that it has come, and brings the registry's own rows up to it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Driver, Enterprise, Tricycle, Vehicle
from services.registry.operations.holders import publish_holder
from services.registry.queries.turning import lock_due, lock_of_closed
from services.shared.faults import is_away
from services.shared.logs import get_log
from services.shared.standards.zones import city_day

TURNING: Final[Mapping[str, Any]] = {
    "enterprise": Enterprise,
    "vehicle": Vehicle,
    "driver": Driver,
    "tricycle": Tricycle,
}
BATCH: Final = 200
FIRM_CLOSED: Final = "企业注销 / the firm was closed"


async def end_registrations_of_closed(session: AsyncSession, now: datetime) -> int:
    """End up to a batch of registrations whose firm was closed: their plates are free; how many it were."""
    vehicles = await lock_of_closed(session, now, BATCH)
    for vehicle in vehicles:
        vehicle.valid_to, vehicle.end_reason, vehicle.exit_reason = now, FIRM_CLOSED, "other"
        vehicle.exit_on = city_day(now)
        await publish_holder(session, "vehicle", vehicle, now)
    return len(vehicles)


async def turn_due(session: AsyncSession, now: datetime) -> int:
    """Settle and publish up to a batch of each kind of entities whose standing turned; how many it were.

    One that fails is left as it is, and said; the others do not wait for it.
    """
    turned = 0
    for kind, entity in TURNING.items():
        for holder in await lock_due(session, entity, now, BATCH):
            holder_id = holder.id
            try:
                async with session.begin_nested():
                    await publish_holder(session, kind, holder, now)
                turned += 1
            except Exception as error:
                if is_away(error):
                    raise
                get_log("turning").exception("not_turned", kind=kind, id=str(holder_id))
    return turned
