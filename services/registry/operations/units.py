"""Bays and chargers: made in numbers, changed, taken out of service and back, each by itself."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.facilities import FACILITY_KINDS, FacilityKind
from services.registry.errors import UnitCodeTaken
from services.registry.models import Bay, Charger, Facility
from services.registry.operations.facilities import changeable_facility, confirm
from services.registry.operations.publishing import publish_bay, publish_charger
from services.registry.operations.versions import check_version
from services.registry.queries.documents import find_documents
from services.registry.queries.units import (
    Kept,
    codes_in_use,
    get_facility_id,
    get_unit_for_update,
    points_on,
)
from services.registry.schemas.units import (
    BayIn,
    BaysCreate,
    ChargerIn,
    ChargersCreate,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id

_TAKEN: Final = "编码已被使用 / the code is in use"
REFUSALS: Final = {"ex_bays_code": UnitCodeTaken, "ex_chargers_code": UnitCodeTaken}


async def create_bays(session: AsyncSession, who: Principal, given: BaysCreate, now: datetime) -> list[Bay]:
    """Make the bays of a facility, all or none.

    Raises:
        NotFound: The facility is unknown or another's.
        Forbidden: The office is not in charge of its kind.
        EnterpriseSuspended: The firm is not active.
        UnitCodeTaken: A code is in use at the facility; each is named.
        Unprocessable: The kind has no bays, a code is repeated, an area or photograph unknown; each is named.
    """
    facility = await changeable_facility(session, who, given.facility_id)
    _check_takes_bays(facility)
    places = [f"body.items.{index}" for index in range(len(given.items))]
    values = await _bay_values(session, who, given.items, places)
    await _check_codes(session, Bay, facility, given.items)
    bays = [Bay(**_new(facility, now), **each) for each in values]
    for bay in bays:
        confirm(bay, who, now)
        await publish_bay(session, bay, now, REFUSALS)
    return bays


async def create_chargers(
    session: AsyncSession, who: Principal, given: ChargersCreate, now: datetime
) -> list[Charger]:
    """Make the chargers of a facility, all or none.

    Raises:
        NotFound: The facility is unknown or another's.
        Forbidden: The office is not in charge of its kind.
        EnterpriseSuspended: The firm is not active.
        UnitCodeTaken: A code is in use at the facility; each is named.
        Unprocessable: A code is repeated; each is named.
    """
    facility = await changeable_facility(session, who, given.facility_id)
    await _check_codes(session, Charger, facility, given.items)
    chargers = [Charger(**_new(facility, now), **item.values()) for item in given.items]
    for charger in chargers:
        confirm(charger, who, now)
        await publish_charger(session, charger, now, REFUSALS)
    return chargers


def _new(facility: Facility, now: datetime) -> dict[str, Any]:
    return {"id": new_id(), "facility_id": facility.id, "version": 0, "created_at": now, "updated_at": now}


def _check_takes_bays(facility: Facility) -> None:
    if not FACILITY_KINDS[FacilityKind(facility.kind)].has_bays:
        message = "此类设施没有泊位 / facilities of this kind have no bays"
        raise Unprocessable(errors=[FieldError("body.facility_id", "kind_without_bays", message)])


async def _check_codes(
    session: AsyncSession,
    model: type[Kept],
    facility: Facility,
    items: Sequence[BayIn] | Sequence[ChargerIn],
) -> None:
    """Refuse codes given twice or in use; the facility is locked, so that nobody else adds one meanwhile."""
    codes = [item.code for item in items]
    counted = Counter(codes)
    repeated = [index for index, code in enumerate(codes) if counted[code] > 1]
    if repeated:
        message = "本次请求中编码重复 / the code is given twice in this request"
        raise Unprocessable(
            errors=[FieldError(f"body.items.{index}.code", "code_repeated", message) for index in repeated]
        )
    wanted = {(item.code, item.in_service_from) for item in items}
    taken = await codes_in_use(session, model, facility.id, wanted)
    if taken:
        places = (index for index, code in enumerate(codes) if code in taken)
        raise UnitCodeTaken(
            errors=[FieldError(f"body.items.{index}.code", "code_taken", _TAKEN) for index in places]
        )


async def _bay_values(
    session: AsyncSession,
    who: Principal,
    items: Sequence[BayIn],
    places: Sequence[str],
    photo: UUID | None = None,
) -> list[dict[str, Any]]:
    """Return the columns of bays: an area must exist and gives a position where none is given.

    A photograph must be one the caller may see, or `photo`, which is there already.
    """
    points = await points_on(session, {item.area_id for item in items if item.area_id is not None})
    wanted = {item.photo_document_id for item in items if item.photo_document_id not in {None, photo}}
    seen = await find_documents(session, who, [each for each in wanted if each]) if wanted else []
    photos = {photo, *(document.id for document in seen)}
    faults = [
        FieldError(f"{place}.area_id", "area_unknown", "没有这个区域 / no such area")
        for place, item in zip(places, items, strict=True)
        if item.area_id is not None and item.area_id not in points
    ]
    faults += [
        FieldError(f"{place}.photo_document_id", "document_unknown", "没有这份材料 / no such document")
        for place, item in zip(places, items, strict=True)
        if item.photo_document_id is not None and item.photo_document_id not in photos
    ]
    if faults:
        raise Unprocessable(errors=faults)
    return [
        {**item.values(), **(points[item.area_id] if item.lon is None and item.area_id else {})}
        for item in items
    ]


async def update_bay(
    session: AsyncSession, who: Principal, bay_id: UUID, given: BayIn, expected: int | None, now: datetime
) -> Bay:
    """Replace what a bay is; its facility and the end of its service do not change here.

    Raises:
        NotFound: Unknown, or of another's facility.
        Forbidden, EnterpriseSuspended: As `create_bays`.
        PreconditionFailed: `expected` is not its version.
        UnitCodeTaken: The code is in use at the facility.
        Unprocessable: An area or photograph is unknown, or it would begin after its end.
    """
    bay = await changeable_unit(session, who, Bay, bay_id, expected)
    (values,) = await _bay_values(session, who, [given], ["body"], bay.photo_document_id)
    _change(bay, values, who, now)
    await publish_bay(session, bay, now, REFUSALS)
    return bay


async def update_charger(
    session: AsyncSession,
    who: Principal,
    charger_id: UUID,
    given: ChargerIn,
    expected: int | None,
    now: datetime,
) -> Charger:
    """Replace what a charger is; its facility and the end of its service do not change here.

    Raises:
        NotFound: Unknown, or of another's facility.
        Forbidden, EnterpriseSuspended: As `create_chargers`.
        PreconditionFailed: `expected` is not its version.
        UnitCodeTaken: The code is in use at the facility.
        Unprocessable: It would begin after its end.
    """
    charger = await changeable_unit(session, who, Charger, charger_id, expected)
    _change(charger, given.values(), who, now)
    await publish_charger(session, charger, now, REFUSALS)
    return charger


async def changeable_unit(
    session: AsyncSession, who: Principal, model: type[Kept], unit_id: UUID, expected: int | None = None
) -> Kept:
    """Return a unit the caller may change, locked, its facility before it: who adds one locks the same way.

    Raises:
        NotFound: Unknown, or of another's facility.
        Forbidden, EnterpriseSuspended: As `create_bays`.
        PreconditionFailed: `expected` is not its version.
    """
    await changeable_facility(session, who, await get_facility_id(session, who, model, unit_id))
    unit = await get_unit_for_update(session, model, unit_id)
    check_version(unit, expected)
    return unit


def _change(unit: Bay | Charger, values: dict[str, Any], who: Principal, now: datetime) -> None:
    begins: date = values["in_service_from"]
    if unit.in_service_to is not None and unit.in_service_to < begins:
        raise Unprocessable(errors=[FieldError("body.in_service_from", "interval", BEFORE_ITS_BEGIN)])
    for name, value in values.items():
        setattr(unit, name, value)
    confirm(unit, who, now)


BEFORE_ITS_BEGIN: Final = "停用日不能早于启用日 / must not end before it begins"
