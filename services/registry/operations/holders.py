"""Publishing an entity anew after its certificates or verifications changed, whatever its kind."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.operations.publishing import (
    publish_driver,
    publish_enterprise,
    publish_tricycle,
    publish_vehicle,
)

Publish = Callable[[AsyncSession, Any, datetime], Awaitable[None]]

_PUBLISH: Final[Mapping[str, Publish]] = {
    "enterprise": publish_enterprise,
    "vehicle": publish_vehicle,
    "driver": publish_driver,
    "tricycle": publish_tricycle,
}


async def publish_holder(session: AsyncSession, kind: str, holder: Any, now: datetime) -> None:
    """Settle a locked entity's standing and publish its state; certificates are flushed before."""
    await _PUBLISH[kind](session, holder, now)
