"""What is left of a vehicle's fixes once they are dropped: five minutes each, cut at full five minutes UTC.

The definition. Of the fixes of a cell (one an instant, the least hash winning) `fixes` is their number and
`jumps` that of the flagged ones among them (`jumps.py`). The others, or all where all are flagged, give
first, last and mean place, last odometer reading, least and greatest cargo temperature. Length, time moving
and greatest speed (as told, else of the line into the fix) are those along the path without gaps and jumps,
each line counted whole in the cell of the fix it leads to; a line is moving when it is faster than 3 km/h.
The line into a day's first fix is counted where the last place of the day before is known. The drift of a
vehicle that stands is in the length: what is exact are the daily mileages.

Lengths are whole millimetres and means are of whole 1e-7 degrees, so every sum is exact.
"""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from services.telemetry.domain.jumps import KMH_PER_MM_MS, Path, Pathfinder, Step, Trail
from services.telemetry.domain.tracks import Booleans, Integers, Legs, Track, TrackFix

CELL_MS: Final = 300_000
MOVING_KMH: Final = 3.0
_DEGREE: Final = 10_000_000


class Place(NamedTuple):
    """Where a vehicle was, and when."""

    time_ms: int
    lon: float
    lat: float


class Aggregate(NamedTuple):
    """Five minutes of a vehicle, of `time_ms` and after."""

    time_ms: int
    fixes: int
    jumps: int
    first: Place
    last: Place
    mean_lon: float
    mean_lat: float
    length_mm: int
    moving_ms: int
    max_speed_kmh: float | None
    mileage_km: float | None
    min_cargo_temp_c: float | None
    max_cargo_temp_c: float | None


class _Driven(NamedTuple):
    length_mm: int = 0
    moving_ms: int = 0
    max_speed_kmh: float | None = None


def aggregate(track: Track, before: Place | None, gap_ms: int, jump_kmh: float) -> list[Aggregate]:
    """Aggregate a track in time order; `before` is where the vehicle was last before it."""
    last = None if before is None else TrackFix(*before, content_hash=0)
    legs = Legs(track, last, gap_ms)
    trail = Trail() if before is None else Trail(Step(*before))
    path, _, jumps = Pathfinder(legs, jump_kmh).find(trail, 0, len(track))
    flagged = np.isin(track.times, np.array(jumps, dtype=np.int64))
    driven = _drive(path, before)
    cells = track.times // CELL_MS
    starts = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(track)]
    return [
        _of_cell(track, np.arange(start, end), flagged[start:end], driven) for start, end in pairwise(starts)
    ]


def _drive(path: Path, before: Place | None) -> dict[int, _Driven]:
    """Sum the lines of a path by the cell of the fix they lead to."""
    found: dict[int, _Driven] = {}
    previous = before.time_ms if before is not None else 0
    columns = zip(path.times, path.lengths, path.broken, path.speeds, strict=True)
    for time_ms, length, is_broken, speed in columns:
        so_far = found.get(time_ms // CELL_MS, _Driven())
        lasted = 0 if is_broken else time_ms - previous
        speeds = [each for each in (so_far.max_speed_kmh, speed) if each is not None]
        found[time_ms // CELL_MS] = _Driven(
            so_far.length_mm + length,
            so_far.moving_ms + (lasted if length * KMH_PER_MM_MS > MOVING_KMH * lasted else 0),
            max(speeds, default=None),
        )
        previous = time_ms
    return found


def _of_cell(track: Track, indexes: Integers, flagged: Booleans, driven: dict[int, _Driven]) -> Aggregate:
    good = indexes if flagged.all() else indexes[~flagged]
    cell = int(track.times[good[0]]) // CELL_MS
    temps = track.temps_c[good]
    temps = temps[~np.isnan(temps)]
    mileages = track.mileages_km[good]
    mileages = mileages[~np.isnan(mileages)]
    of_path = driven.get(cell, _Driven())
    return Aggregate(
        cell * CELL_MS, len(indexes), int(flagged.sum()),
        _place(track, good[0]), _place(track, good[-1]), _mean(track.lons[good]), _mean(track.lats[good]),
        of_path.length_mm, of_path.moving_ms, of_path.max_speed_kmh,
        float(mileages[-1]) if len(mileages) else None,
        float(temps.min()) if len(temps) else None, float(temps.max()) if len(temps) else None,
    )  # fmt: skip


def _place(track: Track, index: int) -> Place:
    return Place(int(track.times[index]), float(track.lons[index]), float(track.lats[index]))


def _mean(degrees: "np.typing.NDArray[np.float64]") -> float:
    """Give the mean in whole 1e-7 degrees, halves to the even one."""
    whole = int(np.rint(degrees * _DEGREE).astype(np.int64).sum())
    return round(whole / len(degrees)) / _DEGREE
