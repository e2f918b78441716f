"""What a change of an area touches: when its shape differs, and the cells of both shapes."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import shapely

from services.telemetry.domain.cells import area_cells
from services.telemetry.domain.crossings import NEVER_MS, AreaVersion
from services.telemetry.domain.tracks import HOUR_MS


class Touched(NamedTuple):
    """Whoever was in one of these cells (None: anywhere) in these hours, the last one not among them.

    Hours are numbered since 1970. A line out of the area may end in the hour after its last fix inside: who
    recomputes goes on through that one too.
    """

    since_ms: int
    first_hour: int
    beyond_hour: int | None
    cells: frozenset[int] | None


def touched(before: Sequence[AreaVersion], after: Sequence[AreaVersion]) -> list[Touched]:
    """Give what the change from one history of a shape to another touches."""
    ends = {version.valid_from_ms for version in (*before, *after)}
    ends |= {_end(version) for version in (*before, *after)}
    found: list[Touched] = []
    for start, end in pairwise(sorted(ends)):
        shapes = [_shape_at(history, start) for history in (before, after)]
        if not _same(*shapes):
            beyond = None if end == NEVER_MS else (end - 1) // HOUR_MS + 1
            cells = _cells([shape for shape in shapes if shape is not None])
            found.append(Touched(start, start // HOUR_MS, beyond, cells))
    return found


def _end(version: AreaVersion) -> int:
    return NEVER_MS if version.valid_to_ms is None else version.valid_to_ms


def _shape_at(history: Sequence[AreaVersion], time_ms: int) -> shapely.Geometry | None:
    held = (version for version in history if version.valid_from_ms <= time_ms < _end(version))
    return next((version.geometry for version in held), None)


def _same(one: shapely.Geometry | None, other: shapely.Geometry | None) -> bool:
    """Whether the shapes are the same to the last coordinate: a vertex more may move a crossing."""
    return one is other or (
        one is not None and other is not None and shapely.to_wkb(one) == shapely.to_wkb(other)
    )


def _cells(shapes: Sequence[shapely.Geometry]) -> frozenset[int] | None:
    found: frozenset[int] = frozenset()
    for shape in shapes:
        cells = area_cells(shape)
        if cells is None:
            return None
        found |= cells
    return found
