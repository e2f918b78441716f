"""What a vehicle did on a day, in whole numbers: sums that do not depend on how they are cut."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec


class Tally(msgspec.Struct, frozen=True, array_like=True):
    """Sums over legs that end on one city day (days since 1970-01-01).

    `readings` counts the odometer's differences in `odometer_m`: with none the odometer said nothing.
    """

    day: int
    length_mm: int = 0
    loaded_mm: int = 0
    empty_mm: int = 0
    moving_ms: int = 0
    idle_ms: int = 0
    odometer_m: int = 0
    readings: int = 0

    @property
    def as_idle(self) -> "Tally":
        """The same time spent standing: what a receiver drifts while it stands is no distance."""
        return Tally(self.day, idle_ms=self.moving_ms, odometer_m=self.odometer_m, readings=self.readings)


Tallies: TypeAlias = tuple[Tally, ...]
"""One a day, in order."""


def add(tallies: Tallies, more: Iterable[Tally]) -> Tallies:
    """Add tallies to tallies, day by day; none of the further ones is before the last of the first."""
    found = list(tallies)
    for tally in more:
        if found and found[-1].day == tally.day:
            found[-1] = _sum(found[-1], tally)
        else:
            found.append(tally)
    return tuple(found)


def total(tallies: Sequence[Tally]) -> Tally:
    """Give the sum over the days, under the last of them; day 0 for none."""
    found = Tally(0)
    for tally in tallies:
        found = _sum(found, tally)
    return found


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(
        other.day,
        one.length_mm + other.length_mm,
        one.loaded_mm + other.loaded_mm,
        one.empty_mm + other.empty_mm,
        one.moving_ms + other.moving_ms,
        one.idle_ms + other.idle_ms,
        one.odometer_m + other.odometer_m,
        one.readings + other.readings,
    )


class Day(msgspec.Struct, frozen=True, array_like=True):
    """A city day of a vehicle so far: its fixes, and what trips that have ended did on it.

    `other_m` and `other_readings`: what the odometer counted outside trips.
    """

    day: int
    fixes: int = 0
    jumps: int = 0
    first_ms: int = 0
    last_ms: int = 0
    other_m: int = 0
    other_readings: int = 0
    driven: Tally = Tally(0)


class Days:
    """The days of a vehicle that later fixes may still change."""

    def __init__(self, days: Iterable[Day]) -> None:
        self._days = {day.day: day for day in days}

    def count(self, day: int, times: Sequence[int], jumps: int) -> None:
        """Count fixes of a day, in time order, later than those counted."""
        known = self._of(day)
        self._days[day] = msgspec.structs.replace(
            known,
            fixes=known.fixes + len(times),
            jumps=known.jumps + jumps,
            first_ms=known.first_ms if known.fixes else times[0],
            last_ms=times[-1],
        )

    def drive(self, tallies: Iterable[Tally]) -> None:
        """Take in what a trip that ended did."""
        for tally in tallies:
            known = self._of(tally.day)
            driven = _sum(known.driven, tally)
            self._days[tally.day] = msgspec.structs.replace(known, driven=driven)

    def roll(self, tallies: Iterable[Tally]) -> None:
        """Take in what the odometer counted outside trips."""
        for tally in tallies:
            if tally.readings:
                known = self._of(tally.day)
                self._days[tally.day] = msgspec.structs.replace(
                    known,
                    other_m=known.other_m + tally.odometer_m,
                    other_readings=known.other_readings + tally.readings,
                )

    def settle(self, since: int) -> list[Day]:
        """Take out the days before one: nothing can change them any more."""
        return [self._days.pop(day) for day in sorted(self._days) if day < since]

    def state(self) -> tuple[Day, ...]:
        """The days that are left, in order."""
        return tuple(self._days[day] for day in sorted(self._days))

    def _of(self, day: int) -> Day:
        return self._days.get(day) or Day(day, driven=Tally(day))
