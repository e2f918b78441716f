"""What is wrong with terminals to provision or to fit, each row named by its place in the request."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal, Role
from services.shared.errors import FieldError, ServiceError
from services.telemetry.domain.fixes import AGE_MS
from services.telemetry.domain.topics import is_assignable, is_phone
from services.telemetry.errors import (
    EnterpriseUnknown,
    RangeTooLong,
    TerminalKindInvalid,
    TerminalNumberInvalid,
    TerminalNumberTaken,
    VehicleNotFound,
)  # fmt: skip
from services.telemetry.models import Vehicle
from services.telemetry.queries.terminals import (
    find_enterprise_status,
    find_revoked_numbers,
    find_rivals,
    find_vehicles,
)
from services.telemetry.schemas.terminals import TerminalCreate

LONGEST_BEFORE: Final = timedelta(milliseconds=AGE_MS, days=1)
"""How long before its provisioning a terminal may have been fitted: nothing older is taken of it."""
_OF_KIND: Final = "此类终端没有此项 / a terminal of this kind has none"


class Wanted(NamedTuple):
    """A terminal to provision, and where the request has it."""

    place: str
    item: TerminalCreate


class Fitting(NamedTuple):
    """A vehicle to fit a terminal to: where the request has it, whose it must be, from when."""

    place: str
    vehicle_id: UUID
    owner: UUID
    start: datetime


async def find_owners(
    session: AsyncSession, who: Principal, wanted: Sequence[Wanted], enterprise_id: UUID | None
) -> list[UUID]:
    """Give the owner of each terminal.

    Raises:
        EnterpriseUnknown: an owner is missing, not the caller, unknown here or not active.
    """
    places = [f"{place if item.enterprise_id else 'body'}.enterprise_id" for place, item in wanted]
    asked = [item.enterprise_id or enterprise_id for _place, item in wanted]
    own = None
    if who.role is Role.enterprise:
        own = who.enterprise_id
        foreign = [place for place, each in zip(places, asked, strict=True) if each not in {None, own}]
        _refuse(EnterpriseUnknown, foreign, "not_yours", "只能为本企业登记 / only for your own enterprise")
    owners = [own or each for each in asked]
    missing = [place for place, owner in zip(places, owners, strict=True) if owner is None]
    _refuse(EnterpriseUnknown, missing, "missing", "必填 / required")
    named = [owner for owner in owners if owner is not None]
    status = await find_enterprise_status(session, list(set(named)))
    unknown = [place for place, owner in zip(places, named, strict=True) if status.get(owner) != "active"]
    _refuse(EnterpriseUnknown, unknown, "unknown", "企业不存在或未启用 / unknown or not active")
    return named


def check_wanted(wanted: Sequence[Wanted], now: datetime) -> None:
    """Check what can be told from the request alone.

    Raises:
        TerminalNumberInvalid, TerminalNumberTaken: a number may not be used, or comes twice.
        TerminalKindInvalid: a member that the kind does not have.
        RangeTooLong: fitted longer ago than anything of it could be taken.
    """
    numbers = [fault for place, item in wanted for fault in _number_faults(place, item)]
    if numbers:
        raise TerminalNumberInvalid(errors=numbers)
    members = [f"{place}.{name}" for place, item in wanted for name in _not_of_kind(item)]
    _refuse(TerminalKindInvalid, members, "not_of_kind", _OF_KIND)
    seen: set[str] = set()
    repeated: list[str] = []
    for place, item in wanted:
        if item.terminal_number in seen:
            repeated.append(f"{place}.terminal_number")
        seen.add(item.terminal_number)
    _refuse(TerminalNumberTaken, repeated, "repeated", "编号在本请求中重复 / comes twice in this request")
    early = [
        f"{place}.fitted_at"
        for place, item in wanted
        if item.fitted_at is not None and item.fitted_at < now - LONGEST_BEFORE
    ]
    message = f"不得早于{LONGEST_BEFORE.days}天前 / must not be more than {LONGEST_BEFORE.days} days ago"
    _refuse(RangeTooLong, early, "too_long_ago", message)


def check_is_fitted(kind: str) -> None:
    """Check that a terminal of this kind is fitted to vehicles.

    Raises:
        TerminalKindInvalid: a bridge is not.
    """
    _refuse(TerminalKindInvalid, ["body.vehicle_id"] if kind == "bridge" else [], "not_of_kind", _OF_KIND)


async def refuse_taken(session: AsyncSession, who: Principal, taken: Mapping[str, str]) -> None:
    """Refuse numbers that terminals have; ``taken`` gives the place of each.

    That a number is revoked is told to its owner alone, whose number it is to nobody.

    Raises:
        TerminalNumberTaken: there are any.
    """
    if not taken:
        return
    revoked = await find_revoked_numbers(session, who, taken)
    errors = [
        FieldError(f"{place}.terminal_number", "revoked", "编号已注销，不得再用 / revoked, never used again")
        if number in revoked
        else FieldError(f"{place}.terminal_number", "taken", "编号已被占用 / number is taken")
        for number, place in taken.items()
    ]
    raise TerminalNumberTaken(errors=errors)


async def find_fittable(
    session: AsyncSession, who: Principal, fittings: Sequence[Fitting]
) -> dict[UUID, Vehicle]:
    """Give the vehicles by id.

    Raises:
        VehicleNotFound: one is unknown, of another owner, or its registration ends before the start.
    """
    found = await find_vehicles(session, who, [each.vehicle_id for each in fittings])
    bad = [
        f"{each.place}.vehicle_id" for each in fittings if not _is_fittable(found.get(each.vehicle_id), each)
    ]
    message = "没有此车辆，或其登记此前已终止 / no such vehicle, or its registration ends before"
    _refuse(VehicleNotFound, bad, "not_found", message)
    return found


async def overlaps(
    session: AsyncSession, clashing: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[FieldError]:
    """Say of bindings that the database has not taken what each of them meets; with the place of each."""
    vehicles, terminals = ({row[name] for _, row in clashing} for name in ("vehicle_id", "terminal_id"))
    rivals: dict[UUID, list[Any]] = defaultdict(list)
    for rival in await find_rivals(session, vehicles, terminals):
        rivals[rival.terminal_id].append(rival)
        if rival.is_primary:
            rivals[rival.vehicle_id].append(rival)
    return [_overlap(place, row, rivals) for place, row in clashing]


def _overlap(place: str, row: Mapping[str, Any], rivals: Mapping[UUID, Sequence[Any]]) -> FieldError:
    if any(_meets(row, rival) for rival in rivals.get(row["terminal_id"], ())):
        message = "终端此时段已装于车辆 / the terminal is fitted to a vehicle then"
        return FieldError("path.terminal_id", "terminal_fitted", message)
    there = next((each for each in rivals.get(row["vehicle_id"], ()) if _meets(row, each)), None)
    number = "" if there is None else f" {there.terminal_number}"
    message = f"车辆此时段已有主终端{number} / the vehicle has a primary terminal then:{number}"
    return FieldError(f"{place}.vehicle_id", "vehicle_taken", message.removesuffix(":"))


def _meets(row: Mapping[str, Any], rival: Any) -> bool:
    starts_before = row["valid_to"] is None or rival.valid_from < row["valid_to"]
    return starts_before and (rival.valid_to is None or rival.valid_to > row["valid_from"])


def _is_fittable(vehicle: Vehicle | None, wanted: Fitting) -> bool:
    if vehicle is None or vehicle.enterprise_id != wanted.owner:
        return False
    return vehicle.valid_to is None or wanted.start < vehicle.valid_to


def _number_faults(place: str, item: TerminalCreate) -> Iterable[FieldError]:
    field = f"{place}.terminal_number"
    if not is_assignable(item.terminal_number):
        yield FieldError(field, "reserved", "编号为平台保留 / a number the platform keeps for itself")
    elif item.kind == "jt808" and not is_phone(item.terminal_number):
        message = "须为不以0开头的数字，至多20位 / digits without leading zeros, at most 20"
        yield FieldError(field, "no_phone", message)


def _not_of_kind(item: TerminalCreate) -> Iterable[str]:
    if item.kind != "jt808":
        yield from (name for name in ("device_id", "protocol_version") if getattr(item, name) is not None)
    if item.kind == "bridge" and item.vehicle_id is not None:
        yield "vehicle_id"


def _refuse(kind: type[ServiceError], fields: Sequence[str], code: str, message: str) -> None:
    if fields:
        raise kind(errors=[FieldError(field, code, message) for field in dict.fromkeys(fields)])
