"""From the lines of a file to rows that the entity's schema takes, or to what is wrong with each."""

from collections.abc import Iterable
from typing import Any, Final

from services.registry.domain.imports import Outcome, Seen
from services.registry.domain.sheets import CellRefused, Column
from services.registry.domain.sheets.columns import read_cell
from services.registry.domain.sheets.reading import Line
from services.registry.operations.imports.entity import Entity, Row, Run, Step, refused
from services.shared.errors import FieldError
from services.shared.standards.zones import CITY_ZONE

MAX_FAULTS: Final = 20
"""Faults named of one row."""
_ASTRAY: Final = FieldError("row", "cell_astray", "有单元格在表头之外 / a cell stands outside the columns")


def read_lines(
    entity: Entity, columns: Iterable[Column], lines: Iterable[Line], seen: Seen, run: Run
) -> tuple[list[Row], list[Step]]:
    """Return the rows that can be planned, and the steps of those that are refused.

    Args:
        entity: What the rows are of.
        columns: Those of the file.
        lines: Some of its lines.
        seen: The rows before these.
        run: As of when.
    """
    rows: list[Row] = []
    steps: list[Step] = []
    taken = tuple(columns)
    for line in lines:
        values, faults = _values(taken, line)
        model, further = entity.form.read(values)
        faulty = {fault.field for fault in faults}
        faults += [fault for fault in further if fault.field not in faulty]
        row = Row(line.number, values, model)
        step = _wrong(row, faults) if faults else _double(entity, row, seen, run)
        if step is None:
            rows.append(row)
        else:
            steps.append(step)
    return rows, steps


def _values(columns: tuple[Column, ...], line: Line) -> tuple[dict[str, Any], list[FieldError]]:
    values: dict[str, Any] = {}
    faults = [_ASTRAY] if line.astray else []
    for column in columns:
        try:
            values[column.name] = read_cell(column, line.cells.get(column.name), CITY_ZONE)
        except CellRefused as refusal:
            reason = refusal.reason
            faults.append(FieldError(column.name, reason.code, f"{reason.zh} / {reason.en}"))
    return values, faults


def _wrong(row: Row, faults: list[FieldError]) -> Step:
    return refused(row, Outcome.INVALID, *faults[:MAX_FAULTS])


def _double(entity: Entity, row: Row, seen: Seen, run: Run) -> Step | None:
    about = entity.about(row, run)
    earlier = seen.earlier(row.number, about.key, about.begin, about.end)
    return None if earlier is None else refused(row, Outcome.INVALID, _same_as(earlier), key=about.label)


def _same_as(earlier: int) -> FieldError:
    return FieldError("row", "row_double", f"与第 {earlier} 行重复 / the same as row {earlier}")


def refuse_doubles(steps: Iterable[Step], seen: Seen) -> None:
    """Refuse the later of two rows that turn out to be the same entity on record, named differently."""
    for step in steps:
        if step.entity_id is not None and step.outcome is not Outcome.CREATED:
            earlier = seen.earlier_of(step.number, step.entity_id)
            if earlier is not None:
                step.outcome, step.entity_id, step.faults = Outcome.INVALID, None, (_same_as(earlier),)
