"""Episodes: intervals in which readings of a vehicle were not as they should be.

The definition. An episode begins with the first bad reading and ends with the next good one, or, where the
next reading comes too late to belong to it, with its last bad one. It counts once its bad readings span
long enough. One that has not ended is open. What is bad:

- `temperature`: the cargo is warmer or colder than the city allows for the vehicle's refrigeration class;
- `overspeed`: a fix of the path (`jumps.py`), its speed as told, else that of the line to it, is above a
  limit in force at its time;
- `device_alarm`: the device reports an alarm bit of JT/T 808 (`domain.md` §2.4), one episode a bit;
- `silence`: no fix for longer than `silence_ms` after one on which the vehicle was on a trip and did not
  halt; it begins with that fix and ends with the next.
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from services.telemetry.domain.names import name_of

EpisodeKind = Literal["temperature", "overspeed", "silence", "device_alarm"]

DEVICE_ALARMS: Final[dict[int, str]] = {
    0: "emergency", 1: "overspeed", 2: "fatigue", 3: "danger", 4: "gnss_fault", 5: "antenna_open",
    6: "antenna_short", 7: "power_low", 8: "power_lost", 9: "display_fault", 10: "tts_fault",
    11: "camera_fault", 12: "ic_card_fault", 13: "overspeed_warning", 14: "fatigue_warning",
    15: "violation", 16: "tyre_pressure", 17: "right_turn_blind_zone", 18: "daily_driving_exceeded",
    19: "overtime_parking", 20: "area_crossed", 21: "route_crossed", 22: "section_time",
    23: "route_deviation", 24: "speed_sensor_fault", 25: "fuel_abnormal", 26: "stolen",
    27: "illegal_ignition", 28: "illegal_movement", 29: "collision", 30: "rollover", 31: "illegal_door",
}  # fmt: skip
"""Alarm bits of message 0x0200 (`domain.md` §2.4)."""


class EpisodeConfig(msgspec.Struct, frozen=True):
    """What the city sets [DEF]; temperatures in °C (lowest, highest) by refrigeration class."""

    temperatures_c: dict[str, tuple[float, float]] = {}
    temperature_ms: int = 600_000
    temperature_gap_ms: int = 1_800_000
    overspeed_kmh: float = 100.0
    overspeed_ms: int = 10_000
    silence_ms: int = 900_000
    max_gap_ms: int = 600_000

    def least_ms(self, kind: EpisodeKind) -> int:
        """How long bad readings must span to count."""
        return {"temperature": self.temperature_ms, "overspeed": self.overspeed_ms}.get(kind, 0)

    def gap_ms(self, kind: EpisodeKind) -> int:
        """How long after a bad reading the next one still belongs to it."""
        return self.temperature_gap_ms if kind == "temperature" else self.max_gap_ms


class SpeedLimit(msgspec.Struct, frozen=True):
    """A limit in force over a half-open interval; `rule_id` None for the city's own."""

    rule_id: UUID | None
    limit_kmh: float
    from_ms: int
    to_ms: int | None


class Episode(msgspec.Struct, frozen=True):
    """An episode of a vehicle, ms since the epoch; open while `ended_ms` is None.

    `key` tells episodes of a kind apart: the rule of a speed limit, the name of a device's alarm. `worst` is
    the reading farthest beyond `limit`.
    """

    id: UUID
    vehicle_id: UUID
    kind: EpisodeKind
    key: str
    started_ms: int
    ended_ms: int | None
    worst: float | None = None
    limit: float | None = None

    @property
    def span(self) -> tuple[object, int, int | None]:
        """What it is of, and from when to when."""
        return (self.kind, self.key), self.started_ms, self.ended_ms


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Bad readings so far, one after the other."""

    kind: EpisodeKind
    key: str
    started_ms: int
    last_ms: int
    worst: float | None = None
    limit: float | None = None

    def episode(self, vehicle_id: UUID, ended_ms: int | None) -> Episode:
        """Give the episode it is; the id is UUIDv5 of vehicle, kind, key and start."""
        name = name_of(vehicle_id, f"{self.kind}/{self.key}/{self.started_ms}")
        return Episode(
            name, vehicle_id, self.kind, self.key, self.started_ms, ended_ms, self.worst, self.limit
        )


class Reading(NamedTuple):
    """One reading: when, whether it is bad, what it is and the limit it is beyond."""

    time_ms: int
    is_bad: bool
    value: float | None = None
    limit: float | None = None


class Watch:
    """Follows runs of bad readings, of several kinds and keys; `ended` are the episodes that ended."""

    def __init__(self, vehicle_id: UUID, config: EpisodeConfig, runs: Iterable[Run]) -> None:
        self.vehicle_id, self.config = vehicle_id, config
        self.runs = {(run.kind, run.key): run for run in runs}
        self.ended: list[Episode] = []

    def state(self) -> tuple[Run, ...]:
        """The runs not ended."""
        return tuple(self.runs[name] for name in sorted(self.runs))

    def is_running(self, kind: EpisodeKind, key: str) -> bool:
        """Whether the last reading was bad."""
        return (kind, key) in self.runs

    def over(self, kind: EpisodeKind, key: str, readings: Iterable[Reading]) -> None:
        """Follow one kind and key over further readings."""
        run, gap_ms = self.runs.pop((kind, key), None), self.config.gap_ms(kind)
        for reading in readings:
            if run is not None and reading.time_ms - run.last_ms > gap_ms:
                self._end(run, run.last_ms)
                run = None
            if reading.is_bad:
                run = _extended(run, reading) if run else _begun(kind, key, reading)
            elif run is not None:
                self._end(run, reading.time_ms)
                run = None
        if run is not None:
            self.runs[kind, key] = run

    def open(self, *, is_over: bool = False) -> list[Episode]:
        """Give the open episodes; ended with their last reading when nothing can follow."""
        return [
            run.episode(self.vehicle_id, run.last_ms if is_over else None)
            for run in self.state()
            if self._counts(run)
        ]

    def _end(self, run: Run, ended_ms: int) -> None:
        if self._counts(run):
            self.ended.append(run.episode(self.vehicle_id, ended_ms))

    def _counts(self, run: Run) -> bool:
        return run.last_ms - run.started_ms >= self.config.least_ms(run.kind)


def silence(vehicle_id: UUID, from_ms: int, to_ms: int | None) -> Episode:
    """Give the episode of a vehicle's silence."""
    return Run("silence", "", from_ms, from_ms).episode(vehicle_id, to_ms)


def _begun(kind: EpisodeKind, key: str, reading: Reading) -> Run:
    return Run(kind, key, reading.time_ms, reading.time_ms, reading.value, reading.limit)


def _extended(run: Run, reading: Reading) -> Run:
    worst, limit = run.worst, run.limit
    if reading.value is not None and _excess(reading.value, reading.limit) > _excess(worst, limit):
        worst, limit = reading.value, reading.limit
    return Run(run.kind, run.key, run.started_ms, reading.time_ms, worst, limit)


def _excess(value: float | None, limit: float | None) -> float:
    return -1.0 if value is None or limit is None else abs(value - limit)
