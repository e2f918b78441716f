"""Months of the city: against the calendar's own arithmetic in its zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.months import (
    begin_of,
    days_in,
    end_of,
    has_ended,
    is_late,
    month_before,
    month_of,
)
from services.shared.standards.zones import CITY_ZONE

MONTHS = st.builds("{}-{:02d}".format, st.integers(2000, 2098), st.integers(1, 12))


@pytest.mark.parametrize(
    ("now", "ended", "late"),
    [
        ("2026-10-31T15:59:59.999Z", False, False),
        ("2026-10-31T16:00:00Z", True, False),
        ("2026-11-15T15:59:59.999Z", True, False),
        ("2026-11-15T16:00:00Z", True, True),
    ],
)
def test_a_month_ends_and_a_report_is_late_at_midnight_in_shanghai(now: str, ended: bool, late: bool) -> None:
    instant = datetime.fromisoformat(now)
    assert has_ended("2026-10", instant, CITY_ZONE) is ended
    assert is_late("2026-10", instant, CITY_ZONE, 15) is late


@pytest.mark.parametrize(
    ("month", "days", "before"),
    [
        ("2024-02", 29, "2024-01"),
        ("2100-02", 28, "2100-01"),
        ("2026-01", 31, "2025-12"),
        ("2026-12", 31, "2026-11"),
    ],
)
def test_lengths_and_neighbours(month: str, days: int, before: str) -> None:
    assert (days_in(month), month_before(month)) == (days, before)


@given(MONTHS)
def test_months_follow_each_other_without_gap(month: str) -> None:
    assert end_of(month_before(month), CITY_ZONE) == begin_of(month, CITY_ZONE)
    assert end_of(month, CITY_ZONE) - begin_of(month, CITY_ZONE) == timedelta(days=days_in(month))


@given(st.integers(0, 98 * 365 * 86_400_000))
def test_every_instant_lies_in_its_month_and_the_month_before_has_ended(milliseconds: int) -> None:
    instant = datetime(2000, 2, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    month = month_of(instant, CITY_ZONE)
    assert begin_of(month, CITY_ZONE) <= instant < end_of(month, CITY_ZONE)
    assert not has_ended(month, instant, CITY_ZONE)
    assert has_ended(month_before(month), instant, CITY_ZONE)
