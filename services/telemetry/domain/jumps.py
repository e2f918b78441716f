"""Jumps: fixes no vehicle can have driven to, and the path that is left without them.

The definition. The first fix of an unbroken track is taken as it is. A further one is a jump when the
straight line to it from the last fix taken is faster than `jump_kmh`; it is flagged and passed over. But when
the fix after a jump could have been driven to from the jump and not from the last fix taken, the vehicle is
where the jump said: the jump stays flagged and the line to it counts for nothing, and the path goes on from
it.
"""

from typing import NamedTuple

import msgspec
import numpy as np

from services.telemetry.domain.tracks import UNKNOWN_LOAD, Legs, lengths_mm

KMH_PER_MM_MS = 3.6


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One fix of a path: where and when, km/h and km as told (or None), load state or `UNKNOWN_LOAD`."""

    time_ms: int
    lon: float
    lat: float
    speed_kmh: float | None = None
    mileage_km: float | None = None
    load: int = UNKNOWN_LOAD


class Trail(msgspec.Struct, frozen=True, array_like=True):
    """Where a path has got to: the last fix taken, and the jump after it."""

    last: Step | None = None
    jump: Step | None = None


class Path(NamedTuple):
    """Fixes taken, as columns; `lengths` of the lines into them in mm, 0 for one that counts for nothing.

    `speeds`: as told, else that of the line, None where there is neither.
    """

    times: list[int]
    lons: list[float]
    lats: list[float]
    lengths: list[int]
    broken: list[bool]
    speeds: list[float | None]
    mileages: list[float | None]
    loads: list[int]

    def part(self, start: int, end: int) -> "Path":
        """The fixes from `start` to before `end`."""
        return Path(
            self.times[start:end], self.lons[start:end], self.lats[start:end], self.lengths[start:end],
            self.broken[start:end], self.speeds[start:end], self.mileages[start:end], self.loads[start:end],
        )  # fmt: skip


class Pathfinder:
    """Finds the path along the legs of one vehicle; their columns are turned into lists once."""

    def __init__(self, legs: Legs, jump_kmh: float) -> None:
        track, broken = legs.track, legs.broken.tolist()
        self._limit = jump_kmh / KMH_PER_MM_MS
        lines = list(zip(legs.lengths_mm().tolist(), legs.lasted.tolist(), broken, strict=True))
        lengths = [0 if gap else length for length, _, gap in lines]
        self._fast = {
            index for index, (length, ms, gap) in enumerate(lines) if length > self._limit * ms and not gap
        }
        told = _told(track.speeds_kmh)
        self._columns = Path(
            track.times.tolist(), track.lons.tolist(), track.lats.tolist(), lengths, broken, told,
            _told(track.mileages_km), track.loads.tolist(),
        )  # fmt: skip
        speeds = [
            speed if speed is not None or gap else length / ms * KMH_PER_MM_MS
            for speed, (length, ms, gap) in zip(told, lines, strict=True)
        ]
        self._path = self._columns._replace(speeds=speeds)

    def find(self, trail: Trail, start: int, end: int) -> tuple[Path, Trail, list[int]]:
        """Give the path over part of the track, where it has got to, and the times (ms) of the jumps."""
        if trail.jump is None and self._fast.isdisjoint(range(start, end)):
            return self._path.part(start, end), Trail(self._step(end - 1)), []
        path, jumps = Path([], [], [], [], [], [], [], []), list[int]()
        for index in range(start, end):
            trail = self._take(path, jumps, trail, index)
        return path, trail, jumps

    def _take(self, path: Path, jumps: list[int], trail: Trail, index: int) -> Trail:
        step, last, jump = self._step(index), trail.last, trail.jump
        if last is None or self._columns.broken[index]:
            _append(path, step, None, 0)
            return Trail(step)
        length = self._columns.lengths[index] if jump is None else _length_mm(last, step)
        if self._is_driven(last, step, length):
            _append(path, step, last, length)
            return Trail(step)
        if jump is not None:
            from_jump = self._columns.lengths[index]
            if self._is_driven(jump, step, from_jump):
                _append(path, jump, jump, 0)
                _append(path, step, jump, from_jump)
                return Trail(step)
        jumps.append(step.time_ms)
        return Trail(last, step)

    def _is_driven(self, start: Step, end: Step, length: int) -> bool:
        return length <= self._limit * (end.time_ms - start.time_ms)

    def _step(self, index: int) -> Step:
        times, lons, lats, _, _, speeds, mileages, loads = self._columns
        return Step(times[index], lons[index], lats[index], speeds[index], mileages[index], loads[index])


def _append(path: Path, step: Step, before: Step | None, length: int) -> None:
    """Take a fix: after a broken line (`before` None), or where a jump said (it is its own `before`)."""
    speed = step.speed_kmh
    if speed is None and before is not None and before is not step:
        speed = length / (step.time_ms - before.time_ms) * KMH_PER_MM_MS
    row = (step.time_ms, step.lon, step.lat, length, before is None, speed, step.mileage_km, step.load)
    for column, value in zip(path, row, strict=True):
        column.append(value)  # type: ignore[attr-defined]  # each column is a list of its own kind


def _length_mm(start: Step, end: Step) -> int:
    """Give the same whole number as `Legs.lengths_mm` for the same two places."""
    ends = (np.array([value]) for value in (start.lon, start.lat, end.lon, end.lat))
    return int(lengths_mm(*ends)[0])


def _told(values: "np.typing.NDArray[np.float64]") -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124  NaN
