"""The 0.01 degree cells of points, straight lines and areas.

Numbered as `rows.cell_of` numbers them. A line's cells are all it touches, an area's all that touch it, both
with a margin: where line and area meet there is always a common cell, whatever rounding does.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely

from services.telemetry.domain.rows import CELLS_PER_DEGREE, CELLS_PER_ROW

ANYWHERE: Final = -1
"""Stands for the cells of a line too long to name them."""
LONGEST_CELLS: Final = 64
MARGIN_DEG: Final = 1e-9
STEEP_DEG: Final = 1e-6
AREA_CELLS_MAX: Final = 250_000
_TOP_ROW: Final = 180 * CELLS_PER_DEGREE


def cells_of(lons: npt.NDArray[np.float64], lats: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Give the cell of each point."""
    columns = np.minimum(((lons + 180.0) * CELLS_PER_DEGREE).astype(np.int64), CELLS_PER_ROW - 1)
    rows = ((lats + 90.0) * CELLS_PER_DEGREE).astype(np.int64)
    return rows * CELLS_PER_ROW + columns


def crossed_cells(lon1: float, lat1: float, lon2: float, lat2: float) -> frozenset[int]:
    """Give every cell the straight line touches, or `ANYWHERE` alone for one too long."""
    west, east = min(lon1, lon2), max(lon1, lon2)
    south, north = min(lat1, lat2), max(lat1, lat2)
    first, last = _column(west - MARGIN_DEG), _column(east + MARGIN_DEG)
    low, high = _row(south - MARGIN_DEG), _row(north + MARGIN_DEG)
    if last - first + high - low > LONGEST_CELLS:
        return frozenset((ANYWHERE,))
    if first == last or low == high or east - west < STEEP_DEG:
        rows = [(column, low, high) for column in range(first, last + 1)]
    else:
        slope = (lat2 - lat1) / (lon2 - lon1)
        rows = [
            (column, *_rows_in(column, (west, east), lat1 - slope * lon1, slope))
            for column in range(first, last + 1)
        ]
    return frozenset(
        row * CELLS_PER_ROW + column
        for column, lowest, highest in rows
        for row in range(max(lowest, low), min(highest, high) + 1)
    )


def _rows_in(column: int, ends: tuple[float, float], offset: float, slope: float) -> tuple[int, int]:
    """Lowest and highest row a line has within a column."""
    edge = column / CELLS_PER_DEGREE - 180.0
    lons = max(ends[0], edge - MARGIN_DEG), min(ends[1], edge + 1 / CELLS_PER_DEGREE + MARGIN_DEG)
    lats = [offset + slope * lon for lon in lons]
    # What rounding does to the product grows with the slope.
    margin = MARGIN_DEG * (1 + abs(slope))
    return _row(min(lats) - margin), _row(max(lats) + margin)


def box_of(cell: int) -> Any:
    """Give a cell as a box, a little larger than it is."""
    row, column = divmod(cell, CELLS_PER_ROW)
    west, south = column / CELLS_PER_DEGREE - 180.0, row / CELLS_PER_DEGREE - 90.0
    size = 1 / CELLS_PER_DEGREE + MARGIN_DEG
    return shapely.box(west - MARGIN_DEG, south - MARGIN_DEG, west + size, south + size)


def area_cells(geometry: shapely.Geometry) -> frozenset[int] | None:
    """Give every cell that touches a shape; None for one so large that all may."""
    west, south, east, north = shapely.bounds(geometry).tolist()
    columns = np.arange(_column(west - MARGIN_DEG), _column(east + MARGIN_DEG) + 1)
    rows = np.arange(_row(south - MARGIN_DEG), _row(north + MARGIN_DEG) + 1)
    if len(columns) * len(rows) > AREA_CELLS_MAX:
        return None
    cells = (rows[:, None] * CELLS_PER_ROW + columns).ravel()
    wests = np.tile(columns / CELLS_PER_DEGREE - 180.0, len(rows))
    souths = np.repeat(rows / CELLS_PER_DEGREE - 90.0, len(columns))
    size = 1 / CELLS_PER_DEGREE + MARGIN_DEG
    boxes = shapely.box(wests - MARGIN_DEG, souths - MARGIN_DEG, wests + size, souths + size)
    shapely.prepare(geometry)
    return frozenset(cells[shapely.intersects(geometry, boxes)].tolist())


def _column(lon: float) -> int:
    return min(max(int((lon + 180.0) * CELLS_PER_DEGREE), 0), CELLS_PER_ROW - 1)


def _row(lat: float) -> int:
    return min(max(int((lat + 90.0) * CELLS_PER_DEGREE), 0), _TOP_ROW)
