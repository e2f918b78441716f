"""Vehicles by file: a row is a registration; one on record has its properties replaced by the row's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.domain.sheets import Column, Kind
from services.registry.errors import EnterpriseSuspended, PlateRegistered, VehicleEnded
from services.registry.models import FEED, Enterprise, Vehicle
from services.registry.operations.imports.entity import (
    About,
    Entity,
    Row,
    Run,
    Step,
    fault_of,
    model_of,
    refused,
)
from services.registry.operations.imports.writing import write_versions
from services.registry.operations.publishing import vehicle_state
from services.registry.operations.vehicles import new_registration
from services.registry.queries.enterprises import owners_of
from services.registry.queries.exports import exported_vehicles
from services.registry.queries.vehicles import Wanted, registrations_within
from services.registry.schemas.tables import columns_of
from services.registry.schemas.vehicles import VehicleCreate, VehicleUpdate
from services.shared.bulk import table_of
from services.shared.errors import FieldError
from services.shared.standards.energy import ENERGY_CODES
from services.shared.standards.plates import PLATE_COLOR_NAMES
from services.shared.standards.uscc import check_uscc
from services.shared.standards.vehicle_types import VEHICLE_TYPES

_TABLE: Final = table_of(Vehicle)
_ZH: Final = {
    "plate_number": "号牌号码",
    "plate_color": "号牌颜色",
    "powertrain": "动力类型",
    "energy_code": "能源类型",
    "vehicle_type": "车辆类型",
    "curb_mass_kg": "整备质量（kg）",
    "payload_kg": "核定载质量（kg）",
    "gross_mass_kg": "总质量（kg）",
    "volume_m3": "货厢容积（m³）",
    "length_m": "车长（m）",
    "width_m": "车宽（m）",
    "height_m": "车高（m）",
    "refrigeration": "温控装备",
    "valid_from": "登记起始时间",
    "valid_to": "登记终止时间",
}
_CODES: Final = {
    "plate_color": {str(color.value): names for color, names in PLATE_COLOR_NAMES.items()},
    "energy_code": ENERGY_CODES,
    "vehicle_type": VEHICLE_TYPES,
    "powertrain": {
        "ICE": ("燃油（燃气）", "combustion engine"),
        "HEV": ("油电混动", "hybrid"),
        "PHEV": ("插电混动", "plug-in hybrid"),
        "REEV": ("增程式电动", "range-extended electric"),
        "BEV": ("纯电动", "battery electric"),
        "FCEV": ("燃料电池", "fuel cell"),
    },
    "refrigeration": {
        "none": ("无", "no equipment"),
        "insulated": ("保温", "insulated"),
        "refrigerated": ("冷藏", "refrigerated"),
    },
}
OWNER: Final = Column(
    name="enterprise_uscc",
    zh="所属企业统一社会信用代码",
    kind=Kind.TEXT,
    rule="主管部门导入时必填，企业导入时可留空 / required from an office; a firm may leave it empty",
    example="91211100MA00000001",
)
COLUMNS: Final = (
    OWNER,
    *columns_of(
        VehicleCreate,
        _ZH,
        codes=_CODES,
        leave_out={"enterprise_id"},
        first=("plate_number", "plate_color"),
    ),
    Column("end_reason", "终止原因", Kind.TEXT, writable=False),
    Column("id", "登记编号", Kind.TEXT, writable=False),
    Column("predecessor_id", "原登记编号", Kind.TEXT, writable=False),
)
_PROPERTIES: Final = frozenset(VehicleUpdate.model_fields)
_UNNAMED: Final = FieldError(
    OWNER.name, "missing", "主管部门导入须填写所属企业 / an office must name the enterprise"
)
_UNKNOWN: Final = FieldError(
    OWNER.name, "enterprise_unknown", "没有这家企业，或不是本企业 / no such enterprise, or not yours"
)
_TAKEN: Final = fault_of(PlateRegistered, "plate_number")
_OVER: Final = FieldError("valid_to", "interval", "终止时间须晚于起始时间 / must be after the beginning")
_INTERVAL: Final = FieldError(
    "valid_from",
    "interval_differs",
    "该号牌已登记且起止时间不同；请通过注销、过户办理 / registered for another period;"
    " deregister or transfer it instead",
)


def about(row: Row, now: datetime) -> About:
    """Return plate, colour and interval."""
    given: VehicleCreate = row.given
    label = _label(given)
    return About(label, label, given.valid_from or now, given.valid_to)


def _label(given: VehicleCreate) -> str:
    return f"{given.plate_number}/{given.plate_color}"


async def plan(session: AsyncSession, run: Run, rows: Sequence[Row]) -> list[Step]:
    """Compare rows with the registrations on record."""
    named = {_named(row) or "" for row in rows}
    owners = await owners_of(session, run.enterprise_id, named, lock=run.final)
    forward = [row for row in rows if row.given.valid_to is None or row.given.valid_to > _begin(row, run)]
    present = await registrations_within(session, [_wanted(row, run) for row in forward])
    over = [row for row in rows if row not in forward] if len(forward) < len(rows) else []
    return [
        *(refused(row, Outcome.INVALID, _OVER, key=_label(row.given)) for row in over),
        *(_step(run, row, owners, present.get(row.number, ())) for row in forward),
    ]


def _wanted(row: Row, run: Run) -> Wanted:
    given: VehicleCreate = row.given
    return Wanted(row.number, given.plate_number, given.plate_color, _begin(row, run), given.valid_to)


def _named(row: Row) -> str | None:
    """Return the owner's code in canonical form; empty for one that is none."""
    text = row.values.get(OWNER.name)
    return check_uscc(text).normalized or "" if text else None


def _begin(row: Row, run: Run) -> datetime:
    begin: datetime = row.given.valid_from or run.now
    return begin


def _step(run: Run, row: Row, owners: Mapping[str, Enterprise], present: Sequence[Any]) -> Step:
    owner = _owner(run, row, owners)
    label = _label(row.given)
    if isinstance(owner, FieldError):
        return refused(row, Outcome.INVALID, owner, key=label)
    if owner.status != "active":
        return refused(row, Outcome.CONFLICT, fault_of(EnterpriseSuspended, OWNER.name), key=label)
    if not present:
        return _created(run, row, owner, label)
    if any(each.enterprise_id != owner.id for each in present):
        return refused(row, Outcome.CONFLICT, _TAKEN, key=label)
    if len(present) > 1 or not _same_interval(row.given, present[0]):
        return refused(row, Outcome.CONFLICT, _INTERVAL, key=label)
    return _compared(run, row, present[0], label)


def _created(run: Run, row: Row, owner: Enterprise, label: str) -> Step:
    if not run.final:
        return Step(row.number, Outcome.CREATED, label)
    vehicle = new_registration(row.given, owner, _begin(row, run), run.now)
    return Step(row.number, Outcome.CREATED, label, vehicle["id"], entity=vehicle)


def _owner(run: Run, row: Row, owners: Mapping[str, Enterprise]) -> Enterprise | FieldError:
    named = _named(row)
    if named is None:
        own = next(iter(owners.values()), None) if run.enterprise_id else None
        return own or _UNNAMED
    return owners.get(named) or _UNKNOWN


def _same_interval(given: VehicleCreate, present: Any) -> bool:
    """Tell whether a row agrees with a registration's interval where it speaks of it."""
    return given.valid_from in {None, present.valid_from} and given.valid_to in {None, present.valid_to}


def _compared(run: Run, row: Row, present: Any, label: str) -> Step:
    given, faults = _completed(run, row, present)
    if faults:
        return refused(row, Outcome.INVALID, *faults, key=label)
    values = given.technical()
    if all(getattr(present, name) == value for name, value in values.items()):
        return Step(row.number, Outcome.UNCHANGED, label, present.id)
    if present.valid_to is not None and present.valid_to <= run.now:
        return refused(row, Outcome.CONFLICT, fault_of(VehicleEnded, "plate_number"), key=label)
    vehicle = {column.name: getattr(present, column.name) for column in _TABLE.columns} | values
    return Step(row.number, Outcome.UPDATED, label, present.id, entity=vehicle)


def _completed(run: Run, row: Row, present: Any) -> tuple[VehicleCreate, list[FieldError]]:
    """Return the row with what the file has no column for as it is on record."""
    absent = _PROPERTIES - run.columns
    if not absent:
        return row.given, []
    kept = {name: to_jsonable_python(getattr(present, name)) for name in absent}
    return model_of(VehicleCreate, {**row.values, **kept})


async def write(session: AsyncSession, run: Run, steps: Sequence[Step]) -> None:
    """Write registrations and their states as the API would each.

    Raises:
        RacedByAnother: One that was to be changed has been changed meanwhile.
    """
    created, changed = await write_versions(session, run, _TABLE, steps, _PROPERTIES, _TAKEN)
    states = ((each["id"], each["version"], vehicle_state(each)) for each in (*created, *changed))
    await FEED.record_all(session, "vehicle", states)


VEHICLES: Final = Entity(
    name="vehicles",
    title=("车辆", "vehicles"),
    schema=VehicleCreate,
    columns=COLUMNS,
    about=about,
    plan=plan,
    write=write,
    table=_TABLE,
    exported=exported_vehicles,
    values={**_TABLE.columns, OWNER.name: table_of(Enterprise).c.uscc},
    filters=frozenset({"plate_number", "plate_color", "enterprise_id", "at"}),
)
