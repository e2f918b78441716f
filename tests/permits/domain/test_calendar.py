"""Special days, by the State Council's arrangement for the National Day of 2025 (国办发明电〔2024〕12号).

Holidays 1 to 8 October; Sunday 28 September and Saturday 11 October are worked.
"""

from datetime import date, datetime

import pytest

from services.permits.domain.calendar import read_calendar
from services.shared.rules.schedule import CityClock, Schedule, Window
from services.shared.standards.zones import CITY_ZONE

PROFILE = {
    "calendar": {
        "holidays": [f"2025-10-0{day}" for day in range(1, 9)],
        "working_days": ["2025-09-28", date(2025, 10, 11)],
    }
}
PEAK = Schedule(frozenset({1, 2, 3, 4, 5}), (Window.parse("07:00", "09:00"),), holiday_calendar=True)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2025-09-28", True),
        ("2025-09-30", True),
        ("2025-10-01", False),
        ("2025-10-08", False),
        ("2025-10-09", True),
        ("2025-10-11", True),
        ("2025-10-12", False),
    ],
)
def test_a_working_day_rule_follows_the_calendar(day: str, worked: bool) -> None:
    clock = CityClock(CITY_ZONE, read_calendar(PROFILE))
    moment = clock.read(datetime.fromisoformat(f"{day}T08:00:00+08:00"))
    assert PEAK.holds(moment) is worked


def test_no_calendar_means_plain_weekdays() -> None:
    assert not read_calendar({})
    with pytest.raises(ValueError, match="Invalid isoformat"):
        read_calendar({"calendar": {"holidays": ["soon"]}})
