"""The good fixes of one vehicle in time order, as columns, and the straight lines between them."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from services.shared.geo import EARTH_RADIUS_M
from services.telemetry.domain.cells import cells_of, crossed_cells

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
CITY_OFFSET_MS: Final = 8 * HOUR_MS
"""Asia/Shanghai has been UTC+8 without daylight saving since 1991: a city day begins at a full UTC hour."""
UNKNOWN_LOAD, EMPTY = -1, 0


class TrackFix(NamedTuple):
    """A good fix of one vehicle: its own time in ms since the epoch, WGS-84, content hash."""

    time_ms: int
    lon: float
    lat: float
    content_hash: int


class Track:
    """Good fixes in time order, one an instant (of several the one with the least hash).

    What a fix states beside its place is NaN, `UNKNOWN_LOAD` or no alarm bit (JT/T 808 0x0200) where it does
    not.
    """

    __slots__ = (
        "alarms", "hashes", "lats", "loads", "lons", "mileages_km", "speeds_kmh", "temps_c", "times",
    )  # fmt: skip

    def __init__(
        self,
        times: Integers,
        lons: Floats,
        lats: Floats,
        hashes: Integers,
        speeds_kmh: Floats | None = None,
        mileages_km: Floats | None = None,
        temps_c: Floats | None = None,
        loads: Integers | None = None,
        alarms: Integers | None = None,
    ) -> None:
        order = _order(times, hashes)
        count = len(times[order])
        nothing: Floats = np.full(count, np.nan)
        self.times, self.lons, self.lats, self.hashes = times[order], lons[order], lats[order], hashes[order]
        self.speeds_kmh = nothing if speeds_kmh is None else speeds_kmh[order]
        self.mileages_km = nothing if mileages_km is None else mileages_km[order]
        self.temps_c = nothing if temps_c is None else temps_c[order]
        self.loads: Integers = np.full(count, UNKNOWN_LOAD, dtype=np.int64) if loads is None else loads[order]
        self.alarms: Integers = np.zeros(count, dtype=np.int64) if alarms is None else alarms[order]

    @classmethod
    def of(cls, fixes: Iterable[TrackFix]) -> "Track":
        """Make the track of fixes in any order, that state nothing but where they are."""
        rows = list(fixes)
        return cls(
            np.array([fix.time_ms for fix in rows], dtype=np.int64),
            np.array([fix.lon for fix in rows], dtype=np.float64),
            np.array([fix.lat for fix in rows], dtype=np.float64),
            np.array([fix.content_hash for fix in rows], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.times)

    def fix(self, index: int) -> TrackFix:
        """One fix of it."""
        return TrackFix(
            int(self.times[index]), float(self.lons[index]), float(self.lats[index]), int(self.hashes[index])
        )

    def after(self, last: TrackFix | None) -> "Track":
        """Leave out the fix `last`, and those its instant has seen lose to it.

        Raises:
            LateFixError: when a fix belongs before `last`.
        """
        if last is None or not len(self) or self.times[0] > last.time_ms:
            return self
        if self.times[0] < last.time_ms or self.hashes[0] < last.content_hash:
            raise LateFixError
        return self.part(1, len(self))

    def part(self, start: int, end: int) -> "Track":
        """The fixes from `start` to before `end`."""
        found = Track.__new__(Track)
        for name in Track.__slots__:
            setattr(found, name, getattr(self, name)[start:end])
        return found


class LateFixError(ValueError):
    """A fix belongs before the state's last one: derive again from an earlier state."""


class Legs:
    """The straight line into each fix of a track from the fix before; before the first one is `last`.

    A line is broken, and none, where there is no fix before or it is more than `max_gap_ms` older.
    """

    def __init__(self, track: Track, last: TrackFix | None, max_gap_ms: int) -> None:
        self.track = track
        first = track.fix(0) if last is None else last
        self.last = last
        self._lons = np.concatenate(([first.lon], track.lons))
        self._lats = np.concatenate(([first.lat], track.lats))
        times = np.concatenate(([first.time_ms], track.times))
        self.lasted: Integers = times[1:] - times[:-1]
        self.broken: Booleans = self.lasted > max_gap_ms
        if last is None:
            self.broken[0] = True
        cells: list[int] = cells_of(self._lons, self._lats).tolist()
        self._cells = cells[1:]
        self._passed = self._find_passed(cells)
        self._passing = list(self._passed)

    def _find_passed(self, cells: list[int]) -> dict[int, frozenset[int]]:
        """Cells of the lines that leave a cell, by the index of the fix they lead to."""
        found: dict[int, frozenset[int]] = {}
        for index, (before, cell) in enumerate(pairwise(cells)):
            if before != cell and not self.broken[index]:
                ends = self._lons[index], self._lats[index], self._lons[index + 1], self._lats[index + 1]
                found[index] = crossed_cells(*map(float, ends))
        return found

    def moved(self, start: int, end: int) -> Booleans:
        """Tell for each line from `start` to before `end` whether it leads from one place to another."""
        lons, lats = self._lons[start : end + 1], self._lats[start : end + 1]
        found: Booleans = (lons[1:] != lons[:-1]) | (lats[1:] != lats[:-1])
        return found & ~self.broken[start:end]

    def before(self, index: int) -> TrackFix | None:
        """The fix before one of the track."""
        return self.track.fix(index - 1) if index else self.last

    def cells(self, start: int, end: int) -> set[int]:
        """Cells of the fixes from `start` to before `end`, and of the lines into them."""
        found = set(self._cells[start:end])
        for index in self._passing[bisect_left(self._passing, start) : bisect_left(self._passing, end)]:
            found |= self._passed[index]
        return found

    def box(self, start: int, end: int) -> tuple[float, float, float, float]:
        """West, south, east and north of those fixes and lines."""
        lons, lats = self._lons[start : end + 1], self._lats[start : end + 1]
        return float(lons.min()), float(lats.min()), float(lons.max()), float(lats.max())

    def touching(self, box: Sequence[float], indexes: Integers) -> Booleans:
        """Tell for each of some lines whether its box touches a box."""
        west, east = _ends(self._lons[indexes], self._lons[indexes + 1])
        south, north = _ends(self._lats[indexes], self._lats[indexes + 1])
        found: Booleans = (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
        return found

    def lines(self, indexes: Integers) -> Any:
        """Give some of the lines as geometries."""
        both = np.stack([indexes, indexes + 1], axis=1)
        return shapely.linestrings(np.stack([self._lons[both], self._lats[both]], axis=2))

    def lengths_mm(self) -> Integers:
        """Great-circle length of each line, whole millimetres: sums are exact however they are cut."""
        return lengths_mm(self._lons[:-1], self._lats[:-1], self._lons[1:], self._lats[1:])


def lengths_mm(lons1: Floats, lats1: Floats, lons2: Floats, lats2: Floats) -> Integers:
    """Great-circle distances on the mean sphere (haversine), whole millimetres."""
    phi1, phi2 = np.radians(lats1), np.radians(lats2)
    half_lat, half_lon = (phi2 - phi1) / 2, np.radians(lons2 - lons1) / 2
    chord = np.sin(half_lat) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin(half_lon) ** 2
    arcs = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(chord)))
    whole: Integers = np.rint(arcs * 1000).astype(np.int64)
    return whole


def city_day(time_ms: int) -> int:
    """Number of the city's day (days since 1970-01-01 in Asia/Shanghai) an instant falls on."""
    return (time_ms + CITY_OFFSET_MS) // DAY_MS


def _order(times: Integers, hashes: Integers) -> Any:
    """Give the index that brings fixes in time order, of equal times only the least hash."""
    if (times[1:] > times[:-1]).all():
        return slice(None)
    order = np.lexsort((hashes, times))
    return order[np.concatenate(([True], np.diff(times[order]) > 0))]


def _ends(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    return np.minimum(before, after), np.maximum(before, after)
