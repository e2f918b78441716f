"""Recorded tracks shuffled, doubled, split into backfills, with restarts between: the in-order run's rows.

Real trucks, taxis and a person, and generated twins; every example on vehicles of its own. Visits, trips,
kilometres, alerts, jumps, and the states they were derived with are compared byte by byte.
"""

import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.shared.clock import utc_now
from services.telemetry.domain.instants import to_ms
from tests.support.deriving import World, running_world
from tests.support.drives import Told
from tests.support.recorded import SETS, Rows, generated_tracks, read_tracks

EXAMPLES = 60 if os.environ.get("FREIGHT_LONG") else 12
MOST, LONGEST_MS = 260, 20 * 86_400_000


@pytest.fixture(scope="module")
async def world(clean_database: None, database_urls: dict[str, str]) -> AsyncIterator[World]:  # noqa: ARG001
    async with running_world(database_urls["telemetry_worker"]) as running:
        yield running


@pytest.fixture(scope="module")
def tracks(test_data: Path | None) -> list[Rows]:
    found = list(generated_tracks(6))
    if test_data is None:
        print("no recorded data at FREIGHT_TEST_DATA: generated tracks only")  # noqa: T201  the reason must be seen
        return found
    return found + [rows for name in SETS for rows in read_tracks(test_data, name, 6)]


def cut_out(chance: random.Random, rows: Rows, now_ms: int) -> Rows:
    """A part of a track, brought into the last days in whole milliseconds."""
    start = chance.randrange(max(1, len(rows) - MOST))
    part = rows[start : start + MOST]
    part = [row for row in part if row.time_ms - part[0].time_ms < LONGEST_MS]
    by = now_ms - chance.randrange(86_400_000) - max(row.time_ms for row in part)
    return [row._replace(time_ms=row.time_ms + by) for row in part]


def backfills(chance: random.Random, sent: dict[int, Rows]) -> list[tuple[int, Rows]]:
    """What comes when: pieces of any size in any order, some of them twice, shuffled within."""
    pieces: list[tuple[int, Rows]] = []
    for key, rows in sent.items():
        cuts = sorted({0, len(rows), *(chance.randrange(len(rows)) for _ in range(chance.randrange(9)))})
        own = [(key, rows[start:end]) for start, end in pairwise(cuts)]
        if chance.random() < 0.7:
            chance.shuffle(own)
        pieces += [*own, (key, chance.sample(rows, len(rows) // 4))]
    if chance.random() < 0.5:
        chance.shuffle(pieces)
    return [(key, chance.sample(piece, len(piece))) for key, piece in pieces]


@given(st.integers(0, 2**32))
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
async def test_any_permutation_gives_the_in_order_rows(world: World, tracks: list[Rows], seed: int) -> None:
    chance = random.Random(seed)
    now = utc_now()
    sent: dict[int, Rows] = {}
    vehicles: list[UUID] = []
    for _ in range(2):
        vehicle, key = await world.fit(now - timedelta(days=60))
        vehicles.append(vehicle)
        sent[key] = cut_out(chance, chance.choice(tracks), to_ms(now))
    for row in [chance.choice(rows) for rows in sent.values()]:
        await world.area(uuid4(), 1, (now - timedelta(days=60), row.lon - 0.01, row.lat - 0.01))
    for key, piece in backfills(chance, sent):
        await world.store(key, piece)
        if chance.random() < 0.6:
            await world.derive()
        if chance.random() < 0.5:
            world.restart()
    await world.derive()
    await world.check(vehicles)


def test_the_tracks_are_of_every_kind(tracks: list[Rows], test_data: Path | None) -> None:
    assert len(tracks) >= (20 if test_data else 6)
    assert all(isinstance(row, Told) for rows in tracks for row in rows)
