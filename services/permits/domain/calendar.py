"""Special days of the city profile, as the weekdays they count as."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

_FRIDAY: Final = 5
_SATURDAY: Final = 6
_SUNDAY: Final = 7


def read_calendar(profile: Mapping[str, Any]) -> Mapping[date, int]:
    """Read `[calendar]` of a city profile: `holidays` and `working_days`, dates or `YYYY-MM-DD` texts.

    A holiday counts as a Sunday. A weekend day worked in exchange counts as the nearest working day: a
    Saturday as a Friday, a Sunday as a Monday.

    Raises:
        ValueError: A date that is none.
    """
    calendar = profile.get("calendar", {})
    found = {_day(given): _SUNDAY for given in calendar.get("holidays", ())}
    for given in calendar.get("working_days", ()):
        day = _day(given)
        weekday = day.isoweekday()
        found[day] = {_SATURDAY: _FRIDAY, _SUNDAY: 1}.get(weekday, weekday)
    return MappingProxyType(found)


def _day(given: date | str) -> date:
    return given if isinstance(given, date) else date.fromisoformat(given)
