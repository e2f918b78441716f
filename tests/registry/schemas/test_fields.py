"""Field types: what is a day and what is none."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.registry.schemas.fields import Day

DAY: TypeAdapter[date] = TypeAdapter(Day)


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_a_day_as_it_is_written(day: date) -> None:
    assert DAY.validate_python(day.isoformat()) == day
    assert day + timedelta(days=1) > day


@pytest.mark.parametrize(
    "value",
    [
        0,
        1_700_000_000,
        1.5,
        True,
        "0",
        "2026-6-1",
        "20260601",
        "2026-W22-1",
        "2026-02-30",
        "2026-13-01",
        "2026-06-01T00:00:00Z",
        "2026-06-01 ",
        "２０２６-06-01",
        "0001-01-01",
        "1899-12-31",
        "2200-01-01",
        "9999-12-31",
        "",
        "\ud800",
        [],
        {},
    ],
)
def test_what_is_no_day(value: Any) -> None:
    with pytest.raises(ValidationError):
        DAY.validate_python(value)


def test_it_is_described_as_a_date() -> None:
    schema = DAY.json_schema()
    assert (schema["type"], schema["format"]) == ("string", "date")
