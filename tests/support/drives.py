"""Made drives: parking with drift, driving, gaps, jumps, resets; every kind of what a fix may state."""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from services.telemetry.domain.tracks import Track

START_MS = 1_780_243_200_000
"""2026-06-01 00:00 in Asia/Shanghai."""
M_PER_DEGREE = 111_195.08
HOME, FAR_DEG = (122.07, 41.12), 0.04


class Told(NamedTuple):
    """One fix with all it states; None where it does not."""

    time_ms: int
    lon: float
    lat: float
    content_hash: int = 0
    speed_kmh: float | None = None
    mileage_km: float | None = None
    cargo_temp_c: float | None = None
    load: int = -1
    alarms: int = 0


def track_of(rows: Iterable[Told]) -> Track:
    """Make a track of fixes in any order."""
    table = list(rows)
    columns = list(zip(*table, strict=True)) or [()] * len(Told._fields)
    told = [np.array(column, dtype="O") for column in columns]
    times, hashes, loads, alarms = (told[index].astype(np.int64) for index in (0, 3, 7, 8))
    lons, lats, speeds, mileages, temps = (told[index].astype(np.float64) for index in (1, 2, 4, 5, 6))
    return Track(times, lons, lats, hashes, speeds, mileages, temps, loads, alarms)


def drive(chance: random.Random, count: int, start_ms: int = START_MS) -> list[Told]:
    """Drive and park; mileage by what was driven, with a reset now and then."""
    found: list[Told] = []
    lon, lat, heading = HOME[0] + chance.gauss(0, 0.02), HOME[1] + chance.gauss(0, 0.02), chance.uniform(0, 7)
    at, mileage, temp, load = (
        start_ms,
        chance.uniform(0, 9e4),
        chance.uniform(-20, 10),
        chance.choice([-1, 0, 2]),
    )
    talkative = chance.random() < 0.7
    while len(found) < count:
        parked, speed = chance.random() < 0.5, chance.uniform(5, 90)
        for _ in range(chance.choice([1, 2, 5, 12, 30])):
            step = (
                chance.choice([5, 20, 30, 30, 60, 150])
                if chance.random() < 0.97
                else chance.choice([601, 1500, 9000])
            )
            at += step * 1000 + chance.choice([0, 0, 0, 137])
            driven = 0.0 if parked else speed / 3.6 * min(step, 150)
            heading += chance.gauss(0, 0.4)
            if math.hypot(lon - HOME[0], lat - HOME[1]) > FAR_DEG:
                heading = math.atan2(HOME[0] - lon, HOME[1] - lat) + chance.gauss(0, 0.3)
            lat += driven * math.cos(heading) / M_PER_DEGREE
            lon += driven * math.sin(heading) / (M_PER_DEGREE * math.cos(math.radians(lat)))
            mileage = 0.0 if chance.random() < 0.004 else mileage + driven / 1000
            temp += chance.gauss(0, 1.5)
            load = chance.choice([0, 1, 2]) if chance.random() < 0.03 else load
            found.append(_told(chance, (at, lon, lat, mileage, temp, load), speed * (not parked), talkative))
    return found[:count]


def _told(
    chance: random.Random, now: tuple[int, float, float, float, float, int], speed: float, talkative: bool
) -> Told:
    at, lon, lat, mileage, temp, load = now
    drift = chance.choice([0, 1e-5, 1e-4, 4e-4])
    if chance.random() < 0.01:
        drift = chance.choice([0.3, 3.0])  # far beyond what can be driven
    place = round(lon + chance.gauss(0, drift), 6), round(lat + chance.gauss(0, drift), 6)
    tell = talkative and chance.random() < 0.9
    return Told(
        at, *place, chance.randrange(-(2**40), 2**40),
        round(max(0.0, speed + chance.gauss(0, 8)), 1) if tell else None,
        round(mileage, 1) if tell else None,
        round(temp, 1) if tell and chance.random() < 0.8 else None,
        load if tell else -1,
        chance.choice([0, 0, 0, 0, 1, 2, 5]) if chance.random() < 0.2 else 0,
    )  # fmt: skip


def pieces(rows: Sequence[Told], cuts: Iterable[int]) -> Iterator[list[Told]]:
    """Cut rows at some indexes."""
    for start, end in pairwise([0, *sorted(cuts), len(rows)]):
        yield list(rows[start:end])
