"""Tracks for the journey: the recorded hour of T-Drive, or a generated twin where it is absent."""

import csv
import gzip
import math
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.journeys.visit_oracle import ConvexArea, Fix

RECORDING = Path("trajectories") / "tdrive_beijing_hour" / "taxis.csv.gz"
SHARE = 10
"""The short form takes every tenth vehicle."""

AREAS = {
    "JOURNEY-CORE": ConvexArea(
        ((116.30, 39.88), (116.36, 39.86), (116.42, 39.89), (116.43, 39.94), (116.36, 39.96), (116.31, 39.93))
    ),
    "JOURNEY-MARKET": ConvexArea(((116.45, 39.90), (116.47, 39.90), (116.47, 39.92), (116.45, 39.92))),
    "JOURNEY-RING": ConvexArea(((116.20, 39.80), (116.60, 39.80), (116.40, 40.05))),
}

NULL_ISLAND_DEG = 1e-4

Row = tuple[str, datetime, float, float]


@dataclass(frozen=True)
class Recording:
    """The rows as they stand in the file."""

    rows: list[Row]

    @property
    def vehicles(self) -> list[str]:
        """Names of the vehicles, sorted."""
        return sorted({row[0] for row in self.rows})

    @property
    def bad(self) -> set[Row]:
        """Distinct rows that are wrong by themselves: out of range, or the 0, 0 of a receiver with no fix."""
        return {row for row in self.rows if not _is_good(row[2], row[3])}

    def shift(self, now: datetime) -> timedelta:
        """The whole weeks that bring the newest fix into the week before `now`."""
        newest = max(row[1] for row in self.rows)
        return timedelta(weeks=(now - newest) // timedelta(weeks=1))

    def write(self, path: Path) -> None:
        """Write it as `make replay` reads it."""
        with gzip.open(path, "wt", encoding="utf-8", newline="") as sink:
            writer = csv.writer(sink)
            writer.writerow(["vehicle_id", "iso_time_utc", "lon", "lat"])
            writer.writerows(
                (name, at.strftime("%Y-%m-%dT%H:%M:%SZ"), lon, lat) for name, at, lon, lat in self.rows
            )

    def tracks(self, shift: timedelta) -> dict[str, list[list[Fix]]]:
        """For each vehicle its possible tracks of good fixes in time order; none for one without any.

        Several where two rows give one time different places: which of them counts depends on a
        content hash that a reader of the file does not have.
        """
        places: dict[str, dict[int, set[tuple[float, float]]]] = defaultdict(lambda: defaultdict(set))
        for name, at, lon, lat in set(self.rows) - self.bad:
            places[name][round((at + shift).timestamp() * 1000)].add((lon, lat))
        return {name: _variants(times) for name, times in places.items()}


def _is_good(lon: float, lat: float) -> bool:
    return abs(lon) <= 180 and abs(lat) <= 90 and (abs(lon) >= NULL_ISLAND_DEG or abs(lat) >= NULL_ISLAND_DEG)


def _variants(times: dict[int, set[tuple[float, float]]]) -> list[list[Fix]]:
    variants: list[list[Fix]] = [[]]
    for at in sorted(times):
        variants = [[*track, Fix(at, lon, lat)] for track in variants for lon, lat in sorted(times[at])]
    return variants


def read_recording(folder: Path, share: int) -> Recording:
    """Read every `share`-th vehicle of the recorded hour."""
    with gzip.open(folder / RECORDING, "rt", encoding="utf-8") as lines:
        rows = [
            (
                row["vehicle_id"],
                datetime.fromisoformat(row["iso_time_utc"]),
                float(row["lon"]),
                float(row["lat"]),
            )
            for row in csv.DictReader(lines)
        ]
    kept = set(sorted({row[0] for row in rows})[::share])
    return Recording([row for row in rows if row[0] in kept])


def generate_recording(vehicles: int = 120, fixes: int = 40, seed: int = 20080202) -> Recording:
    """Drive vehicles about the same areas, with gaps, repeats and standstills."""
    chance = random.Random(seed)
    begin = datetime(2008, 2, 2, 8, 0, 0, tzinfo=UTC)
    rows: list[Row] = []
    for number in range(vehicles):
        lon, lat, at = chance.uniform(116.2, 116.6), chance.uniform(39.8, 40.0), begin
        heading = chance.uniform(0, 2 * math.pi)
        for _ in range(fixes):
            at += timedelta(seconds=chance.choice([20, 45, 90, 300, 900]))
            heading += chance.gauss(0, 0.6)
            step = chance.choice([0, 0.002, 0.01, 0.03])
            lon, lat = (
                round(lon + step * math.cos(heading), 5),
                round(lat + step * math.sin(heading) * 0.7, 5),
            )
            rows.append((f"made-{number}", at, lon, lat))
            if chance.random() < 0.05:
                rows.append(rows[-1])
    return Recording(rows)
