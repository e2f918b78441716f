"""The statements of exports: columns as texts and numbers, formulas neutralised, for COPY or a cursor.

They run on asyncpg, which streams; the caller's ownership is the same `where` as in the lists.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import asyncpg

from services.registry.domain.certificates import CertificateKind
from services.registry.domain.sheets import Column, Kind
from services.registry.domain.sheets.formulas import SQL_PATTERN
from services.registry.models import Certificate, Enterprise, Facility, Vehicle
from services.registry.queries.enterprises import enterprises_of
from services.registry.queries.facilities import own_facility
from services.registry.queries.vehicles import VehicleFilter, vehicles_of
from services.shared.auth import Principal

_DIALECT: Any = asyncpg.dialect()  # type: ignore[no-untyped-call]
Statement = tuple[str, list[Any]]
"""SQL with `$1` … and their values."""


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """What an export is narrowed to, as the lists are; None is no condition."""

    plate_number: str | None = None
    plate_color: int | None = None
    enterprise_id: UUID | None = None
    at: datetime | None = None
    status: str | None = None


def exported_vehicles(who: Principal, only: ExportFilter) -> Select[Any]:
    """Select the registrations the caller may see, with their owners."""
    narrowed = VehicleFilter(only.plate_number, only.plate_color, only.enterprise_id, only.at)
    statement = vehicles_of(who, narrowed).join(Enterprise, Enterprise.id == Vehicle.enterprise_id)
    return statement.order_by(Vehicle.id)


def exported_enterprises(who: Principal, only: ExportFilter) -> Select[Any]:
    """Select the firms the caller may see."""
    return enterprises_of(who, only.status).order_by(Enterprise.id)


def enterprise_values(
    empty: Collection[str], licences: Mapping[CertificateKind, tuple[str, str]]
) -> dict[str, ColumnElement[Any]]:
    """Return what each column of a firm shows; of a licence the one that reaches furthest.

    Args:
        empty: Columns that show nothing.
        licences: Columns of number and last day, by kind.
    """
    values: dict[str, ColumnElement[Any]] = {
        **Enterprise.__table__.columns,
        **{name: literal(None, String) for name in empty},
    }
    for kind, (number, last) in licences.items():
        values |= {number: _licence(kind, Certificate.number), last: _licence(kind, Certificate.valid_to)}
    return values


def _licence(kind: CertificateKind, shown: Any) -> ColumnElement[Any]:
    statement = select(shown).where(
        Certificate.holder_id == Enterprise.id,
        Certificate.kind == kind.value,
        Certificate.withdrawn_at.is_(None),
    )
    furthest = Certificate.valid_to.desc().nulls_first(), Certificate.recorded_at, Certificate.id
    return statement.order_by(*furthest).limit(1).correlate(Enterprise).scalar_subquery()


def exported_facilities(who: Principal, only: ExportFilter) -> Select[Any]:
    """Select the facilities that are the caller's to keep, with the firms that operate them."""
    statement = select(Facility).where(own_facility(who))
    if only.enterprise_id is not None:
        statement = statement.where(Facility.enterprise_id == only.enterprise_id)
    if only.status is not None:
        statement = statement.where(Facility.status == only.status)
    firm = Enterprise.id == Facility.enterprise_id
    return statement.outerjoin(Enterprise, firm).order_by(Facility.id)


def facility_values(members: Sequence[Column]) -> dict[str, ColumnElement[Any]]:
    """Return what each column of a facility shows, members of its capacity too."""
    capacity = {column.name: _member(column) for column in members}
    own = {"enterprise_uscc": Enterprise.__table__.c.uscc, "crs": literal("WGS-84")}
    return {**capacity, **Facility.__table__.columns, **own}


def _member(column: Column) -> ColumnElement[Any]:
    value: Any = Facility.capacity[column.name]
    if column.kind is Kind.LIST:
        item = func.jsonb_array_elements_text(value).column_valued("item")
        return select(func.string_agg(item, ";")).scalar_subquery()
    numbers = {Kind.INTEGER: value.as_integer, Kind.NUMBER: value.as_float}
    found: ColumnElement[Any] = numbers[column.kind]() if column.kind in numbers else value.astext
    return found


def as_cells(
    statement: Select[Any], columns: Sequence[Column], values: Mapping[str, ColumnElement[Any]]
) -> Statement:
    """Return the statement with these columns as cells, ready to run.

    Args:
        statement: Which rows.
        columns: Which columns, in this order.
        values: What each column shows, by its name.
    """
    cells = [_cell(column, values[column.name]).label(column.name) for column in columns]
    return _compiled(statement.with_only_columns(*cells))


def _cell(column: Column, value: ColumnElement[Any]) -> ColumnElement[Any]:
    if column.kind is Kind.INSTANT:
        return func.to_char(func.timezone("UTC", value), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
    if column.kind in {Kind.TEXT, Kind.LIST}:
        text = cast(value, String)
        return case((text.op("~")(SQL_PATTERN), literal("'").concat(text)), else_=text)
    return cast(value, String) if column.kind in {Kind.DAY, Kind.BOOLEAN} else value


def _compiled(statement: Select[Any]) -> Statement:
    compiled = statement.compile(dialect=_DIALECT)
    names = compiled.positiontup or []
    return str(compiled), [compiled.params[name] for name in names]


REPORT_HEADING = ("行号 row", "结果 outcome", "对象 key", "列 field", "代码 code", "原因 reason", "编号 id")


def report_of(import_id: UUID) -> Statement:
    """Return the outcomes of an import: a line for each fault, or for the row where there is none."""
    return _REPORT, [import_id, SQL_PATTERN]


_REPORT = """
SELECT r.row_number, r.outcome, CASE WHEN r.key ~ $2::text THEN '''' || r.key ELSE r.key END,
    f.fault ->> 'field', f.fault ->> 'code', f.fault ->> 'message', r.entity_id
FROM registry.import_rows AS r LEFT JOIN LATERAL jsonb_array_elements(r.faults) AS f (fault) ON true
WHERE r.import_id = $1::uuid ORDER BY r.row_number
"""
