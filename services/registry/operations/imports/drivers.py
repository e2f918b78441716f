"""Drivers and riders by file: their values go from the sealed rows to the vault and nowhere else.

A person in active employment of the firm is known by the identity number; outcomes and reports name rows by
their number alone. Exports show values masked, so that none of them can be taken for the person's own.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.domain.people import (
    INDEXED_FIELDS,
    PERSONAL_FIELDS,
    REQUIRED_FIELDS,
    Fault,
    Papers,
)
from services.registry.domain.verification import changed_fields
from services.registry.errors import DriverRegistered, EnterpriseSuspended
from services.registry.models import FEED, Driver, Enterprise
from services.registry.operations.drivers import check_person, new_employment, papers_of
from services.registry.operations.imports.driver_columns import COLUMNS
from services.registry.operations.imports.entity import About, Entity, Row, Run, Step, fault_of, refused
from services.registry.operations.imports.export_kinds import Asked, StreamExport
from services.registry.operations.imports.form import Form
from services.registry.operations.imports.owners import (
    OWNER,
    find_active_owners,
    is_active,
    named_owner,
    owner_of_row,
)
from services.registry.operations.imports.writing import write_versions
from services.registry.operations.publishing import driver_state, settle_driver
from services.registry.operations.resets import reset_groups_of_all
from services.registry.queries.drivers import DriverFilter, employed_among, page_drivers, show_drivers
from services.registry.queries.enterprises import codes_of
from services.registry.queries.locks import lock_roster
from services.registry.schemas.drivers import DriverCreate
from services.shared.auth import Role
from services.shared.bulk import copy_of, table_of
from services.shared.errors import FieldError
from services.shared.personal import Kept
from services.shared.standards.id_number import check_id_number
from services.shared.standards.zones import city_day

_TABLE: Final = table_of(Driver)
_FORM: Final = Form(DriverCreate)
_PAPERS: Final = tuple(Papers.__slots__)
_WRITTEN: Final = (*_PAPERS, "lapses", "turns_at", "verified")
_MAY_BE_ABSENT: Final = frozenset({*_PAPERS, *PERSONAL_FIELDS}) - set(REQUIRED_FIELDS)
_PAGE: Final = 200
_TAKEN: Final = fault_of(DriverRegistered, "id_number")
_KIND_FIXED: Final = FieldError(
    "kind",
    "kind_fixed",
    "人员类型不可更改，请离职后重新登记 / the kind does not change",
)
_BEGIN_FIXED: Final = FieldError(
    "employed_from", "begin_fixed", "入职日期与已登记的不同 / another first day is on record"
)
_FUTURE: Final = FieldError("employed_from", "future", "不能晚于今天 / not after today")


@dataclass(frozen=True, slots=True, repr=False)
class _Beside:
    """A person's values as they are to be, and which fields of one on record change."""

    values: Mapping[str, str | None]
    changed: frozenset[str] = frozenset()


def about(row: Row, run: Run) -> About:
    """Return firm and person; shown to nobody."""
    number = row.given.id_number
    owner = run.enterprise_id or named_owner(row)
    return About(f"{owner} {check_id_number(number).normalized or number}")


async def plan(session: AsyncSession, run: Run, rows: Sequence[Row]) -> list[Step]:
    """Compare rows with the people in active employment of their firms; others' values are not opened."""
    owners = await find_active_owners(session, run, rows)
    for each in owners.values() if run.final else ():
        await lock_roster(session, each.id)
    numbers = {row.number: check_id_number(row.given.id_number).normalized or "" for row in rows}
    subjects = await run.vault.find_all(session, "id_number", set(numbers.values()) - {""})
    employed = await employed_among(session, [each for ids in subjects.values() for each in ids])
    found: list[tuple[Row, Enterprise | FieldError, Driver | None]] = []
    for row in rows:
        owner = owner_of_row(run, row, owners)
        firm = None if isinstance(owner, FieldError) else owner.id
        ids = subjects.get(numbers[row.number], ())
        own = (employed[each] for each in ids if each in employed and employed[each].enterprise_id == firm)
        found.append((row, owner, next(own, None)))
    known = await run.vault.read(session, [own.id for _, _, own in found if own is not None])
    return [_step(run, row, owner, own, known.get(own.id, {}) if own else {}) for row, owner, own in found]


def _step(
    run: Run, row: Row, owner: Enterprise | FieldError, own: Driver | None, known: Mapping[str, str]
) -> Step:
    if isinstance(owner, FieldError):
        return refused(row, Outcome.INVALID, owner)
    if not is_active(owner):
        return refused(row, Outcome.CONFLICT, fault_of(EnterpriseSuspended, OWNER.name))
    given, faults = _completed(run, row, own, known)
    if faults:
        return refused(row, Outcome.INVALID, *faults)
    today = city_day(run.now)
    begin = given.employed_from or today
    checked, wrong = check_person(given.personal(), given, given.kind, today, known={})
    if wrong or begin > today:
        late = [_FUTURE] if begin > today else []
        return refused(row, Outcome.INVALID, *map(_fault, wrong), *late)
    if own is None:
        return _created(run, row, owner, begin, checked.values)
    return _compared(row, own, given, checked.values, known)


def _completed(
    run: Run, row: Row, own: Driver | None, known: Mapping[str, str]
) -> tuple[DriverCreate, list[FieldError]]:
    """Return the row with what the file has no column for as it is on record."""
    absent = _MAY_BE_ABSENT - run.columns
    if own is None or not absent:
        return row.given, []
    papers = {name: to_jsonable_python(getattr(own, name)) for name in absent if name in _PAPERS}
    numbers = {name: known.get(name) for name in absent if name not in _PAPERS}
    return _FORM.read({**row.values, **papers, **numbers})


def _fault(fault: Fault) -> FieldError:
    return FieldError(fault.field, fault.reason.code, f"{fault.reason.zh} / {fault.reason.en}")


def _created(run: Run, row: Row, owner: Enterprise, begin: date, values: Mapping[str, str | None]) -> Step:
    if not run.final:
        return Step(row.number, Outcome.CREATED)
    driver = new_employment(row.given, owner, begin, run.now)
    return Step(row.number, Outcome.CREATED, entity_id=driver.id, entity=driver, beside=_Beside(values))


def _compared(
    row: Row, own: Driver, given: DriverCreate, values: Mapping[str, str | None], known: Mapping[str, str]
) -> Step:
    if own.kind != given.kind:
        return refused(row, Outcome.CONFLICT, _KIND_FIXED)
    if given.employed_from not in {None, own.employed_from}:
        return refused(row, Outcome.CONFLICT, _BEGIN_FIXED)
    papers = papers_of(given)
    before = {**known, **{name: getattr(own, name) for name in papers}}
    changed = changed_fields(before, {**values, **papers})
    if not changed:
        return Step(row.number, Outcome.UNCHANGED, entity_id=own.id)
    edited = copy_of(Driver, own, **papers)
    beside = _Beside(values, changed)
    return Step(row.number, Outcome.UPDATED, entity_id=own.id, entity=edited, beside=beside)


async def write(session: AsyncSession, run: Run, steps: Sequence[Step]) -> None:
    """Write employments, the people's values and the states as the API would each.

    Raises:
        RacedByAnother: One that was to be changed has been changed meanwhile.
    """
    edits = [(step.entity, step.beside.changed) for step in steps if step.outcome is Outcome.UPDATED]
    await reset_groups_of_all(session, "driver", edits, run.now)
    values = {step.entity.id: step.beside.values for step in steps if step.entity is not None}
    turns = {step.entity.id: settle_driver(step.entity, run.now) for step in steps if step.entity is not None}
    created, changed = await write_versions(session, run, _TABLE, steps, _WRITTEN, _TAKEN)
    written = [*created, *changed]
    kept = [Kept(driver.id, driver.enterprise_id, values[driver.id]) for driver in written]
    await run.vault.keep_all(session, kept, indexed=INDEXED_FIELDS)
    states = ((driver.id, driver.version, driver_state(driver, turns[driver.id])) for driver in written)
    await FEED.record_all(session, "driver", states)


async def pages(asked: Asked) -> AsyncGenerator[Sequence[Mapping[str, Any]]]:
    """Yield the people a caller may see, as the list shows them: masked."""
    only = DriverFilter(asked.only.enterprise_id, asked.only.status)
    cursor: str | None = None
    while True:
        async with asked.database.transaction(asked.who.db_scope, readonly=True) as session:
            drivers, cursor = await page_drivers(session, asked.who, only, cursor, _PAGE)
            codes: dict[UUID, str] = await codes_of(session, {driver.enterprise_id for driver in drivers})
            shown = await show_drivers(session, asked.vault, drivers, asked.now)
        yield [{**each.model_dump(mode="json"), OWNER.name: codes.get(each.enterprise_id)} for each in shown]
        if cursor is None:
            return


_EXAMPLE: Final = {
    "enterprise_uscc": "91211100MA00000001",
    "kind": "driver",
    "name": "王强",
    "id_number": "11010519491231002X",
    "mobile_phone": "13900001234",
    "drives_over_4500_kg": "否",
    "licence_class": "C1",
    "licence_issuer": "盘锦市公安局交通警察支队",
    "licence_valid_from": "2021-03-01",
    "licence_valid_to": "2031-03-01",
    "trained_on": "2025-06-30",
    "employed_from": "2025-07-01",
}

DRIVERS: Final = Entity(
    name="drivers",
    title=("驾驶员", "drivers"),
    form=_FORM,
    columns=COLUMNS,
    about=about,
    plan=plan,
    write=write,
    table=_TABLE,
    export=StreamExport(frozenset({"enterprise_id", "status"}), pages),
    example=_EXAMPLE,
    roles=frozenset({Role.enterprise, Role.transport_bureau}),
)
