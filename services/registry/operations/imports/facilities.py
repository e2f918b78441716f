"""Facilities by file: each row is what the API's operations would do with it, tried and undone in a check.

There are hundreds of them in a city, not hundreds of thousands, so they go one by one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.errors import FacilityCodeTaken
from services.registry.models import Facility
from services.registry.operations.facilities import create_facility, update_facility
from services.registry.operations.imports.entity import About, Entity, Row, Run, Step, fault_of, refused
from services.registry.operations.imports.export_kinds import TableExport
from services.registry.operations.imports.facility_columns import COLUMNS, MEMBERS, NAMES, OWN, body_of
from services.registry.operations.imports.form import Form
from services.registry.operations.imports.owners import (
    OWNER,
    UNNAMED,
    Owners,
    find_owners,
    named_owner,
    owner_of_row,
)
from services.registry.queries.exports import exported_facilities, facility_values
from services.registry.queries.facilities import facilities_by_code
from services.registry.schemas.facilities import FacilityCreate
from services.shared.auth import Role
from services.shared.auth.principal import BUREAUS
from services.shared.bulk import table_of
from services.shared.errors import Conflict, FieldError, Forbidden, ServiceError

_FORM: Final = Form(FacilityCreate, shape=body_of, names=NAMES)
_KEPT: Final = tuple(column.name for column in OWN if column.name not in {"lon", "lat", "crs"})
_TAKEN: Final = fault_of(FacilityCodeTaken, "code")
_KIND_FIXED: Final = FieldError("kind", "kind_fixed", "设施类型不可更改 / the kind does not change")
_DAY_FIXED: Final = FieldError(
    "planned_on",
    "day_fixed",
    "规划日期与已登记的不同，请办理更正 / another day is on record",
)
_TWO_OPERATORS: Final = FieldError(
    OWNER.name, "operator_twice", "运营企业与其他运营主体只能填一个 / not beside another operator"
)


def about(row: Row, _run: Run) -> About:
    """Return the facility's code."""
    return About(row.given.code, row.given.code)


async def plan(session: AsyncSession, run: Run, rows: Sequence[Row]) -> list[Step]:
    """Compare rows with the facilities on record; what would be written is tried, and undone in a check."""
    owners = await find_owners(session, run, rows)
    present = await facilities_by_code(session, [row.given.code for row in rows])
    steps = [_step(run, row, owners, present.get(row.given.code)) for row in rows]
    if not run.final:
        for step in steps:
            await _attempt(session, run, step)
    return steps


def _step(run: Run, row: Row, owners: Owners, present: Facility | None) -> Step:
    owner = owner_of_row(run, row, owners)
    if isinstance(owner, FieldError) and owner is not UNNAMED:
        return refused(row, Outcome.INVALID, owner, key=row.given.code)
    enterprise_id = None if isinstance(owner, FieldError) else owner.id
    if present is None:
        return _written(row, Outcome.CREATED, row.given, enterprise_id, None)
    if run.enterprise_id is not None and present.enterprise_id != run.enterprise_id:
        return refused(row, Outcome.CONFLICT, _TAKEN, key=row.given.code)
    if OWNER.name not in run.columns and run.enterprise_id is None:
        enterprise_id = present.enterprise_id
    return _compared(run, row, enterprise_id, present)


def _compared(run: Run, row: Row, enterprise_id: UUID | None, present: Facility) -> Step:
    given, faults = _completed(run, row, present)
    if faults:
        return refused(row, Outcome.INVALID, *faults, key=row.given.code)
    fixed = _fixed(given, present)
    if fixed is not None:
        return refused(row, Outcome.CONFLICT, fixed, key=row.given.code)
    if _stated(given, enterprise_id) == _on_record(present):
        return Step(row.number, Outcome.UNCHANGED, row.given.code, present.id)
    return _written(row, Outcome.UPDATED, given, enterprise_id, present)


def _written(
    row: Row, outcome: Outcome, given: FacilityCreate, enterprise_id: UUID | None, present: Facility | None
) -> Step:
    if enterprise_id is not None and given.operator is not None and named_owner(row) is not None:
        return refused(row, Outcome.INVALID, _TWO_OPERATORS, key=given.code)
    kept = [*present.document_ids] if present else []
    body = given.model_copy(update={"enterprise_id": enterprise_id, "document_ids": kept})
    return Step(row.number, outcome, given.code, present.id if present else None, entity=body)


def _fixed(given: FacilityCreate, present: Facility) -> FieldError | None:
    if given.capacity.kind != present.kind:
        return _KIND_FIXED
    return _DAY_FIXED if given.planned_on != present.planned_on else None


def _completed(run: Run, row: Row, present: Facility) -> tuple[FacilityCreate, list[FieldError]]:
    """Return the row with what the file has no column for as it is on record."""
    stored = {name: to_jsonable_python(getattr(present, name)) for name in _KEPT}
    stored |= {"operator_name": present.operator_name, "operator_uscc": present.operator_uscc}
    stored |= {column.name: present.capacity.get(column.name) for column in MEMBERS}
    absent = {name: value for name, value in stored.items() if name not in run.columns}
    return _FORM.read({**row.values, **absent}) if absent else (row.given, [])


def _stated(given: FacilityCreate, enterprise_id: UUID | None) -> dict[str, Any]:
    operator = given.operator
    return {
        **{name: getattr(given, name) for name in _KEPT},
        **given.wgs84(),
        "capacity": given.capacity.model_dump(mode="json", exclude_none=True),
        "enterprise_id": enterprise_id,
        "operator_name": operator.name if operator else None,
        "operator_uscc": operator.uscc if operator else None,
    }


def _on_record(present: Facility) -> dict[str, Any]:
    names = (*_KEPT, "lon", "lat", "capacity", "enterprise_id", "operator_name", "operator_uscc")
    return {name: getattr(present, name) for name in names}


async def _attempt(session: AsyncSession, run: Run, step: Step) -> None:
    """Do what a step says, or find out why that cannot be; undone unless the run is final."""
    if step.entity is None:
        return
    attempt = await session.begin_nested()
    try:
        facility = await _do(session, run, step)
    except ServiceError as error:
        await attempt.rollback()
        step.outcome = Outcome.CONFLICT if isinstance(error, Conflict) else Outcome.INVALID
        step.faults, step.entity_id = _faults(error), None
        return
    if run.final:
        step.entity_id = facility.id
        await attempt.commit()
    else:
        await attempt.rollback()


async def _do(session: AsyncSession, run: Run, step: Step) -> Facility:
    if step.entity_id is None:
        return await create_facility(session, run.who, step.entity, run.now)
    return await update_facility(session, run.who, step.entity_id, step.entity, None, run.now)


def _faults(error: ServiceError) -> list[FieldError]:
    if error.errors:
        names = [each.field.removeprefix("body.") for each in error.errors]
        return [
            replace(each, field=NAMES.get(name) or name)
            for each, name in zip(error.errors, names, strict=True)
        ]
    column = "kind" if isinstance(error, Forbidden) else "code"
    message = error.detail or f"{error.title_zh} / {error.title_en}"
    return [FieldError(column, error.slug, message)]


async def write(session: AsyncSession, run: Run, steps: Sequence[Step]) -> None:
    """Write facilities and their states by the API's own operations."""
    for step in steps:
        await _attempt(session, run, step)


_EXAMPLE: Final = {
    "kind": "freight_hub",
    "code": "PJ-HUB-NORTHEAST",
    "name": "中国物流东北物流交易中心",
    "planned_on": "2023-05-01",
    "lon": "122.14",
    "lat": "41.066",
    "crs": "WGS-84",
    "division_code": "211103",
    "address": "兴隆台区",
    "operator_name": "盘锦某某物流园有限公司",
    "operator_uscc": "91110000600037341L",
    "area_m2": "240000",
    "services": "transhipment",
    "docks": "60",
}

FACILITIES: Final = Entity(
    name="facilities",
    title=("设施", "facilities"),
    form=_FORM,
    columns=COLUMNS,
    about=about,
    plan=plan,
    write=write,
    table=table_of(Facility),
    export=TableExport(
        filters=frozenset({"enterprise_id", "status"}),
        rows=exported_facilities,
        values=facility_values(MEMBERS),
    ),
    example=_EXAMPLE,
    roles=frozenset({Role.enterprise, *BUREAUS}),
)
