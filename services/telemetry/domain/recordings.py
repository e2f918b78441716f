"""Recorded trajectories as CSV: reading them, and moving them in time."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

WEEK = timedelta(weeks=1)
_NAMES = {
    "vehicle": ("vehicle_id", "id", "taxi_id", "terminal"),
    "time": ("iso_time_utc", "time", "timestamp", "datetime"),
    "lon": ("lon", "long", "lng", "longitude"),
    "lat": ("lat", "latitude"),
}


class RecordingError(ValueError):
    """The file is not a recording; the message names the line."""


class RecordedFix(NamedTuple):
    """One row: which vehicle, when (aware), where."""

    vehicle: str
    time: datetime
    lon: float
    lat: float


def read_recording(lines: Iterable[str]) -> Iterator[RecordedFix]:
    """Read rows of a CSV with a header; times without an offset are UTC, further columns are ignored.

    Raises:
        RecordingError: a column is missing or a row is not readable.
    """
    rows = csv.reader(lines)
    header = [name.strip().lower() for name in next(rows, [])]
    try:
        places = [next(header.index(name) for name in names if name in header) for names in _NAMES.values()]
    except StopIteration:
        raise RecordingError("the header needs vehicle_id, iso_time_utc, lon, lat") from None
    for row in rows:
        if not row:
            continue
        try:
            vehicle, time, lon, lat = (row[place].strip() for place in places)
            at = datetime.fromisoformat(time)
            yield RecordedFix(vehicle, at if at.tzinfo else at.replace(tzinfo=UTC), float(lon), float(lat))
        except (ValueError, IndexError) as error:
            raise RecordingError(f"line {rows.line_num}: {error}") from None


def weeks_to_now(newest: datetime, now: datetime) -> timedelta:
    """Give the whole number of weeks that brings ``newest`` into the week before ``now``.

    A whole number of weeks keeps weekday and hour, which rules depend on.
    """
    return (now - newest) // WEEK * WEEK
