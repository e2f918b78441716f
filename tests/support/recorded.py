"""Recorded tracks of several kinds, or generated twins where they are absent, as rows of one vehicle each."""

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tests.support.drives import Told, drive

Rows = list[Told]

SETS = ("athens_trucks", "beijing_taxi_day", "geolife_person", "tdrive_beijing_hour", "tdrive_beijing_week")
LOADS = {"0": 0, "1": 2}
TRIP_MS = 86_400_000
"""Where a source has no dates its trips are laid on a day each."""


def read_tracks(folder: Path, name: str, most: int) -> list[Rows]:
    """Read up to `most` vehicles of one set, those with the most fixes."""
    (path,) = sorted(
        each
        for each in (folder / "trajectories" / name).glob("*.csv.gz")
        if not each.name.startswith("original")
    )[:1]
    found: dict[str, Rows] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            told = _told(row, number)
            if abs(told.lat) <= 90 and abs(told.lon) <= 180:
                found.setdefault(row["vehicle_id"], []).append(told)
    return sorted(found.values(), key=len, reverse=True)[:most]


def _told(row: dict[str, str], number: int) -> Told:
    speed = float(row["speed"]) if row.get("speed") else None
    load = LOADS[row["occupied"]] if row.get("occupied") else -1
    return Told(_time_ms(row), float(row["lon"]), float(row["lat"]), number, speed, load=load)


def _time_ms(row: dict[str, str]) -> int:
    if row.get("iso_time_utc"):
        return round(datetime.fromisoformat(row["iso_time_utc"]).timestamp() * 1000)
    if row.get("t_rel_s"):
        return round(float(row["t_rel_s"]) * 1000) + int(row["trip_id"]) % 100 * TRIP_MS
    hours, minutes, seconds = (float(part) for part in row["time_of_day_local"].split(":"))
    return round(((hours * 60 + minutes) * 60 + seconds) * 1000)


def generated_tracks(most: int) -> Iterator[Rows]:
    """Drives made of parking, gaps and jumps."""
    for seed in range(most):
        yield drive(random.Random(seed), 700)
