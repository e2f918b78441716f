"""Months of the city's calendar, written "2026-10": their days, when they are over, when a report is late."""

import calendar
from datetime import date, datetime, time, timedelta, tzinfo


def month_of(instant: datetime, zone: tzinfo) -> str:
    """Return the month an instant lies in, on the city's clocks."""
    return instant.astimezone(zone).strftime("%Y-%m")


def has_ended(month: str, now: datetime, zone: tzinfo) -> bool:
    """Tell whether a month is over in the city."""
    return month < month_of(now, zone)


def month_before(month: str) -> str:
    """Return the month before."""
    return (_first(month) - timedelta(days=1)).strftime("%Y-%m")


def days_in(month: str) -> int:
    """Return how many days a month has."""
    return calendar.monthrange(*_parts(month))[1]


def begin_of(month: str, zone: tzinfo) -> datetime:
    """Return the first instant of a month in the city."""
    return datetime.combine(_first(month), time(), zone)


def end_of(month: str, zone: tzinfo) -> datetime:
    """Return the first instant after a month in the city."""
    return datetime.combine(_first(month) + timedelta(days=days_in(month)), time(), zone)


def is_late(month: str, now: datetime, zone: tzinfo, due_day: int) -> bool:
    """Tell whether the day `due_day` of the following month is over in the city."""
    return now >= end_of(month, zone) + timedelta(days=due_day)


def _parts(month: str) -> tuple[int, int]:
    year, _, number = month.partition("-")
    return int(year), int(number)


def _first(month: str) -> date:
    return date(*_parts(month), 1)
