"""When something holds: weekdays, hours of local wall time that may cross midnight, a validity interval."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

DAY_MINUTES: Final = 1440
EVERY_DAY: Final = frozenset(range(1, 8))
_CLOCK: Final = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of local wall time, half-open, in minutes after midnight.

    A window whose end comes before its start runs on into the next day and belongs to the weekday on which
    it starts.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse what is no window.

        Raises:
            ValueError: for minutes out of range, or an empty window.
        """
        if not (0 <= self.start < DAY_MINUTES and 0 <= self.end <= DAY_MINUTES):
            raise ValueError(f"a window lies within 00:00 and 24:00: {self.start}-{self.end}")
        if self.start == self.end:
            raise ValueError("a window is not empty; the whole day is 00:00-24:00")

    @classmethod
    def parse(cls, start: str, end: str) -> "Window":
        """Read "HH:MM" texts; the end may be "24:00".

        Raises:
            ValueError: for any other text.
        """
        return cls(_minutes(start), _minutes(end))


def _minutes(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time of day (HH:MM): {text[:16]!r}")
    return DAY_MINUTES if match[1] is None else int(match[1]) * 60 + int(match[2])


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekdays (ISO, Monday is 1) and windows; no windows mean the whole day.

    With `holiday_calendar` a date of the city's calendar counts as the weekday that it names there.
    """

    weekdays: frozenset[int] = EVERY_DAY
    windows: tuple[Window, ...] = ()
    holiday_calendar: bool = False

    def __post_init__(self) -> None:
        """Refuse weekdays outside 1 to 7.

        Raises:
            ValueError: for such a weekday.
        """
        if not self.weekdays <= EVERY_DAY:
            raise ValueError("weekdays are 1 (Monday) to 7 (Sunday)")

    def holds(self, moment: "Moment") -> bool:
        """Tell whether the schedule holds at the moment's wall time."""
        today, yesterday = moment.counted if self.holiday_calendar else moment.weekdays
        if not self.windows:
            return today in self.weekdays
        for window in self.windows:
            if window.start < window.end:
                if window.start <= moment.minute < window.end and today in self.weekdays:
                    return True
            elif (moment.minute >= window.start and today in self.weekdays) or (
                moment.minute < window.end and yesterday in self.weekdays
            ):
                return True
        return False

    @property
    def boundaries(self) -> frozenset[int]:
        """Minutes of the day at which the schedule can begin or end to hold (midnight as 0)."""
        return frozenset({0} | {m % DAY_MINUTES for w in self.windows for m in (w.start, w.end)})

    @property
    def is_constant(self) -> bool:
        """Tell whether the schedule always holds."""
        return self.weekdays == EVERY_DAY and not self.windows


ALWAYS: Final = Schedule()


@dataclass(frozen=True, slots=True)
class Validity:
    """A half-open interval of aware instants; without an end it goes on."""

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse instants without an offset.

        Raises:
            ValueError: for such an instant.
        """
        for instant in (self.start, self.end):
            if instant is not None and instant.utcoffset() is None:
                raise ValueError("validity needs instants with an offset")

    def contains(self, instant: datetime) -> bool:
        """Tell whether the instant lies within."""
        return self.start <= instant and (self.end is None or instant < self.end)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant read on the city's wall clock; weekday pairs are (of the date, of the date before)."""

    instant: datetime
    minute: int
    weekdays: tuple[int, int]
    counted: tuple[int, int]


@dataclass(frozen=True, slots=True)
class CityClock:
    """The city's zone and its calendar of special days.

    `calendar` maps a date to the ISO weekday it counts as: a public holiday to 7, a working Saturday to the
    weekday the notice of the State Council swaps it with.
    """

    zone: ZoneInfo
    calendar: Mapping[date, int] = field(default_factory=lambda: MappingProxyType({}))

    def read(self, instant: datetime) -> Moment:
        """Read an instant on the wall clock.

        Raises:
            ValueError: when the instant has no offset.
        """
        if instant.utcoffset() is None:
            raise ValueError("an instant needs an offset")
        local = instant.astimezone(self.zone)
        today = local.date()
        yesterday = today - timedelta(days=1)
        weekdays = today.isoweekday(), yesterday.isoweekday()
        counted = self.calendar.get(today, weekdays[0]), self.calendar.get(yesterday, weekdays[1])
        return Moment(instant, local.hour * 60 + local.minute, weekdays, counted)

    def days(self, start: datetime, end: datetime, minutes: frozenset[int]) -> Iterator[list[datetime]]:
        """Yield for each local day, in order, the instants in (start, end) at which schedules may change.

        These are the instants at which the wall clock shows one of the minutes (twice where it is set back)
        and those at which its offset changes.
        """
        day = start.astimezone(self.zone).date()
        last = end.astimezone(self.zone).date()
        while day <= last:
            found = self._instants(day, minutes)
            yield sorted(instant for instant in found if start < instant < end)
            day += timedelta(days=1)

    def _instants(self, day: date, minutes: frozenset[int]) -> set[datetime]:
        low, high = self._instant(day, 0, 0), self._instant(day + timedelta(days=1), 0, 1)
        first = low.astimezone(self.zone)
        shifts = first.utcoffset() != high.astimezone(self.zone).utcoffset()
        # A clock set forward at midnight never shows 00:00; its day begins with the shift.
        if not shifts and first.hour == first.minute == 0:
            return {low + timedelta(minutes=minute) for minute in minutes}
        found = {self._instant(day, minute, fold) for minute in minutes for fold in (0, 1)}
        if shifts:
            found.add(self._shift(low, high))
        return {instant for instant in found if instant.astimezone(self.zone).date() == day}

    def _instant(self, day: date, minute: int, fold: int) -> datetime:
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone, fold=fold)
        return local.astimezone(UTC)

    def _shift(self, low: datetime, high: datetime) -> datetime:
        before = low.astimezone(self.zone).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            if middle.astimezone(self.zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        return high
