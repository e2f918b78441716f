"""Vehicles by file: a row is a registration; one on record has its properties replaced by the row's."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.errors import EnterpriseSuspended, PlateRegistered, VehicleEnded
from services.registry.models import FEED, Certificate, Enterprise, Vehicle
from services.registry.operations.imports.entity import (
    About,
    Entity,
    Row,
    Run,
    Step,
    fault_of,
    refused,
)
from services.registry.operations.imports.export_kinds import TableExport
from services.registry.operations.imports.form import Form
from services.registry.operations.imports.owners import (
    OWNER,
    Owners,
    find_active_owners,
    is_active,
    owner_of_row,
)
from services.registry.operations.imports.vehicle_columns import COLUMNS
from services.registry.operations.imports.writing import write_versions
from services.registry.operations.papers import declare_papers
from services.registry.operations.publishing import vehicle_state
from services.registry.operations.resets import reset_groups_of_all
from services.registry.operations.standing import settle_vehicle
from services.registry.operations.vehicles import OF_PAPERS, OWN, correct_registration, new_registration
from services.registry.queries.certificates import certificates_of
from services.registry.queries.exports import exported_vehicles
from services.registry.queries.vehicles import Wanted, registrations_within
from services.registry.schemas.vehicles import VehicleCreate
from services.shared.auth import Role
from services.shared.bulk import copy_of, insert_mappings, table_of
from services.shared.errors import FieldError

_TABLE: Final = table_of(Vehicle)
_FORM: Final = Form(VehicleCreate)
_WRITTEN: Final = (*OWN, *OF_PAPERS, "lapses", "turns_at", "verified")
_TAKEN: Final = fault_of(PlateRegistered, "plate_number")
_OVER: Final = FieldError("valid_to", "interval", "终止时间须晚于起始时间 / must be after the beginning")
_INTERVAL: Final = FieldError(
    "valid_from",
    "interval_differs",
    "该号牌已登记且起止时间不同；请通过注销、过户办理 / registered for another period;"
    " deregister or transfer it instead",
)


def about(row: Row, run: Run) -> About:
    """Return plate, colour and interval."""
    given: VehicleCreate = row.given
    label = _label(given)
    return About(label, label, _begin(row, run), given.valid_to)


def _label(given: VehicleCreate) -> str:
    return f"{given.plate_number}/{given.plate_color}"


async def plan(session: AsyncSession, run: Run, rows: Sequence[Row]) -> list[Step]:
    """Compare rows with the registrations on record."""
    owners = await find_active_owners(session, run, rows)
    present = await registrations_within(session, [_wanted(row, run) for row in rows if not _over(row, run)])
    return [_step(run, row, owners, present.get(row.number, ())) for row in rows]


def _over(row: Row, run: Run) -> bool:
    end = row.given.valid_to
    return end is not None and end <= _begin(row, run)


def _wanted(row: Row, run: Run) -> Wanted:
    given: VehicleCreate = row.given
    return Wanted(row.number, given.plate_number, given.plate_color, _begin(row, run), given.valid_to)


def _begin(row: Row, run: Run) -> datetime:
    begin: datetime = row.given.valid_from or run.now
    return begin


def _step(run: Run, row: Row, owners: Owners, present: Sequence[Any]) -> Step:
    owner = owner_of_row(run, row, owners)
    label = _label(row.given)
    if isinstance(owner, FieldError):
        return refused(row, Outcome.INVALID, owner, key=label)
    refusal = _refusal(run, row, owner, present)
    if refusal is not None:
        return refused(row, *refusal, key=label)
    return _compared(run, row, present[0], label) if present else _created(run, row, owner, label)


def _refusal(
    run: Run, row: Row, owner: Enterprise, present: Sequence[Any]
) -> tuple[Outcome, FieldError] | None:
    if _over(row, run):
        return Outcome.INVALID, _OVER
    if not is_active(owner):
        return Outcome.CONFLICT, fault_of(EnterpriseSuspended, OWNER.name)
    if any(each.enterprise_id != owner.id for each in present):
        return Outcome.CONFLICT, _TAKEN
    if len(present) > 1 or not all(_same_interval(row.given, each) for each in present):
        return Outcome.CONFLICT, _INTERVAL
    return None


def _created(run: Run, row: Row, owner: Enterprise, label: str) -> Step:
    if not run.final:
        return Step(row.number, Outcome.CREATED, label)
    vehicle = new_registration(row.given, owner, _begin(row, run), run.now)
    return Step(row.number, Outcome.CREATED, label, vehicle.id, entity=vehicle, beside=row.given)


def _same_interval(given: VehicleCreate, present: Any) -> bool:
    """Tell whether a row agrees with a registration's interval where it speaks of it."""
    return given.valid_from in {None, present.valid_from} and given.valid_to in {None, present.valid_to}


def _compared(run: Run, row: Row, present: Any, label: str) -> Step:
    given, faults = _completed(run, row, present)
    if faults:
        return refused(row, Outcome.INVALID, *faults, key=label)
    if _is_same(given, present):
        return Step(row.number, Outcome.UNCHANGED, label, present.id)
    if present.valid_to is not None and present.valid_to <= run.now:
        return refused(row, Outcome.CONFLICT, fault_of(VehicleEnded, "plate_number"), key=label)
    return Step(
        row.number, Outcome.UPDATED, label, present.id, entity=copy_of(Vehicle, present), beside=given
    )


def _completed(run: Run, row: Row, present: Any) -> tuple[VehicleCreate, list[FieldError]]:
    """Return the row with what the file has no column for as it is on record; papers stay by themselves."""
    absent = OWN - run.columns
    if not absent:
        return row.given, []
    kept = {name: to_jsonable_python(getattr(present, name)) for name in absent}
    return _FORM.read({**row.values, **kept})


def _is_same(given: VehicleCreate, present: Any) -> bool:
    """Tell whether a form says what is on record; of papers it may say nothing."""
    return all(getattr(present, name) == getattr(given, name) for name in OWN) and all(
        getattr(given, name) in {None, getattr(present, name)} for name in OF_PAPERS
    )


async def write(session: AsyncSession, run: Run, steps: Sequence[Step]) -> None:
    """Write registrations, their papers and their states as the API would each.

    Raises:
        RacedByAnother: One that was to be changed has been changed meanwhile.
    """
    counting, fresh = await _take_in(session, run, steps)
    turns = {
        step.entity.id: settle_vehicle(step.entity, counting[step.entity.id], run.now)
        for step in steps
        if step.entity is not None
    }
    created, changed = await write_versions(session, run, _TABLE, steps, _WRITTEN, _TAKEN)
    written = [*created, *changed]
    papers = [vars(paper) for each in written for paper in fresh[each.id]]
    await insert_mappings(session, table_of(Certificate), papers)
    states = ((each.id, each.version, vehicle_state(each, turns[each.id])) for each in written)
    await FEED.record_all(session, "vehicle", states)


Papers = dict[UUID, list[Certificate]]


async def _take_in(session: AsyncSession, run: Run, steps: Sequence[Step]) -> tuple[Papers, Papers]:
    """Take forms into their registrations; return the certificates that count then, and those that are new.

    Those that a form corrects are withdrawn with the session's next flush.
    """
    updated = [step.entity.id for step in steps if step.outcome is Outcome.UPDATED]
    known = await certificates_of(session, updated) if updated else {}
    counting: Papers = {}
    fresh: Papers = {}
    edits = []
    for step in (step for step in steps if step.entity is not None):
        vehicle, given = step.entity, step.beside
        if step.outcome is Outcome.CREATED:
            counting[vehicle.id] = fresh[vehicle.id] = declare_papers(vehicle, given, (), run.who, run.now)
            continue
        present = known.get(vehicle.id, [])
        papers, fields = correct_registration(vehicle, given, present, run.who, run.now)
        edits.append((vehicle, fields))
        before = {paper.id for paper in present}
        counting[vehicle.id] = papers
        fresh[vehicle.id] = [paper for paper in papers if paper.id not in before]
    await reset_groups_of_all(session, "vehicle", edits, run.now)
    return counting, fresh


_EXAMPLE: Final = {
    "enterprise_uscc": "91211100MA00000001",
    "plate_number": "辽L12345",
    "plate_color": "2",
    "powertrain": "BEV",
    "energy_code": "C",
    "vehicle_type": "H32",
    "curb_mass_kg": "2600",
    "payload_kg": "1765",
    "gross_mass_kg": "4495",
    "volume_m3": "14.5",
    "length_m": "5.995",
    "width_m": "2.1",
    "height_m": "2.9",
    "refrigeration": "none",
    "vin": "LNBSCCAH4PJ000001",
    "use_character": "freight",
    "registered_on": "2024-03-01",
    "licence_issued_on": "2024-03-05",
    "licence_issuer": "盘锦市公安局交通警察支队",
    "entry_reason": "new",
    "entry_on": "2024-03-05",
    "inspection_valid_to": "2030-03-31",
    "insurance_valid_to": "2030-02-28",
}

VEHICLES: Final = Entity(
    name="vehicles",
    title=("车辆", "vehicles"),
    form=_FORM,
    columns=COLUMNS,
    about=about,
    plan=plan,
    write=write,
    table=_TABLE,
    export=TableExport(
        filters=frozenset({"plate_number", "plate_color", "enterprise_id", "at"}),
        rows=exported_vehicles,
        values={**_TABLE.columns, OWNER.name: table_of(Enterprise).c.uscc},
    ),
    example=_EXAMPLE,
    roles=frozenset({Role.enterprise, Role.transport_bureau}),
)
