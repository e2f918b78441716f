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
from services.registry.queries.turning import lock_due

TURNING: Final[Mapping[str, Any]] = {
    "enterprise": Enterprise,
    "vehicle": Vehicle,
    "driver": Driver,
    "tricycle": Tricycle,
}
BATCH: Final = 200


async def turn_due(session: AsyncSession, now: datetime) -> int:
    """Settle and publish up to a batch of each kind of entities whose standing turned; how many it were."""
    turned = 0
    for kind, entity in TURNING.items():
        for holder in await lock_due(session, entity, now, BATCH):
            await publish_holder(session, kind, holder, now)
            turned += 1
    return turned
