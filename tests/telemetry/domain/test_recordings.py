"""Recordings: the two header styles met in practice, and a shift of whole weeks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.recordings import (
    WEEK,
    RecordedFix,
    RecordingError,
    read_recording,
    weeks_to_now,
)

AT = datetime(2008, 2, 2, 16, 2, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    "lines",
    [
        ["id,time,long,lat", "2,2008-02-02 16:02:25,116.45848,39.88104"],
        ["vehicle_id,iso_time_utc,lon,lat,speed", "2,2008-02-02T16:02:25Z,116.45848,39.88104,7"],
        ["lat, lon, iso_time_utc, vehicle_id", "39.88104,116.45848,2008-02-03T00:02:25+08:00,2", ""],
    ],
)
def test_rows_of_both_header_styles(lines: list[str]) -> None:
    assert list(read_recording(lines)) == [RecordedFix("2", AT, 116.45848, 39.88104)]


@pytest.mark.parametrize(
    "lines",
    [[], ["id,time,long"], ["id,time,long,lat", "1,noon,1,2"], ["id,time,long,lat", "1"]],
)
def test_what_is_no_recording_is_named(lines: list[str]) -> None:
    with pytest.raises(RecordingError):
        list(read_recording(lines))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)), st.datetimes(datetime(2000, 1, 1)))  # noqa: DTZ001
def test_the_shift_is_whole_weeks_into_the_past_week(newest: datetime, now: datetime) -> None:
    shift = weeks_to_now(newest, now)
    assert shift % WEEK == timedelta(0)
    assert now - WEEK < newest + shift <= now
