"""Taking bays and chargers out of service, and back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.errors import UnitServiceConflict
from services.registry.models import Bay, Charger, UnitEnding
from services.registry.operations.facilities import confirm
from services.registry.operations.publishing import publish_bay, publish_charger
from services.registry.operations.units import BEFORE_ITS_BEGIN, REFUSALS, changeable_unit
from services.registry.queries.units import Kept
from services.registry.schemas.units import ReinstatementCreate, RetirementCreate
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id


@dataclass(frozen=True, slots=True)
class UnitKind(Generic[Kept]):
    """What differs between taking bays and chargers out of service."""

    name: str
    model: type[Kept]
    publish: Callable[..., Awaitable[None]]


BAYS: Final = UnitKind("bay", Bay, publish_bay)
CHARGERS: Final = UnitKind("charger", Charger, publish_charger)


async def retire_unit(
    session: AsyncSession,
    who: Principal,
    kind: UnitKind[Kept],
    unit_id: UUID,
    given: RetirementCreate,
    now: datetime,
) -> Kept:
    """Take a bay or charger out of service from a day on.

    Raises:
        NotFound: Unknown, or of another's facility.
        Forbidden, EnterpriseSuspended: As `create_bays`.
        UnitServiceConflict: It is taken out already.
        Unprocessable: The day lies before its first.
    """
    unit = await changeable_unit(session, who, kind.model, unit_id)
    if unit.in_service_to is not None:
        raise UnitServiceConflict
    if given.on < unit.in_service_from:
        raise Unprocessable(errors=[FieldError("body.on", "interval", BEFORE_ITS_BEGIN)])
    await _end(session, who, kind, unit, given.on, given.reason, now)
    return unit


async def reinstate_unit(
    session: AsyncSession,
    who: Principal,
    kind: UnitKind[Kept],
    unit_id: UUID,
    given: ReinstatementCreate,
    now: datetime,
) -> Kept:
    """Undo the end of a bay's or charger's service; an operator's word for it waits to be confirmed.

    Raises:
        NotFound: Unknown, or of another's facility.
        Forbidden, EnterpriseSuspended: As `create_bays`.
        UnitServiceConflict: It has no end.
        UnitCodeTaken: Another has its code since.
    """
    unit = await changeable_unit(session, who, kind.model, unit_id)
    if unit.in_service_to is None:
        raise UnitServiceConflict
    confirm(unit, who, now)
    await _end(session, who, kind, unit, None, given.reason, now)
    return unit


async def _end(
    session: AsyncSession,
    who: Principal,
    kind: UnitKind[Kept],
    unit: Kept,
    day: date | None,
    reason: str,
    now: datetime,
) -> None:
    unit.in_service_to, unit.end_reason = day, reason if day is not None else None
    session.add(
        UnitEnding(
            id=new_id(),
            facility_id=unit.facility_id,
            unit_kind=kind.name,
            unit_id=unit.id,
            day=day,
            reason=reason,
            decided_by=who.subject,
            decided_by_name=who.name,
            decided_at=now,
        )
    )
    await kind.publish(session, unit, now, REFUSALS)
