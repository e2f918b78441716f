"""Health kept fix by fix while folding equals what a second look at everything received gives."""

import math
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median_low
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.fixes import Fix, Rejected
from services.telemetry.domain.health import JumpLimit
from services.telemetry.domain.rows import Row, encode, stated
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch

Connection = asyncpg.Connection
ZONE = "Asia/Shanghai"
JUMP = JumpLimit(kmh=150, slack_m=50)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARTH_M = 6_371_000.0
TERMINALS = 4


@dataclass
class Seen:
    """Everything that was received of one terminal, and its newest fix after each folding."""

    delays: list[tuple[int, int]] = field(default_factory=list)
    """(received, delay) in ms, one a batch with a good fix."""
    heard: list[int] = field(default_factory=list)
    fixes: list[Row] = field(default_factory=list)
    newest: list[tuple[Row, int]] = field(default_factory=list)
    """With the time of its reception."""
    received: dict[bytes, int] = field(default_factory=dict)


@pytest.fixture
async def worker(fresh_database_urls: dict[str, str]) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(fresh_database_urls["telemetry_worker"])
    for number in range(TERMINALS):
        await connection.execute(
            "INSERT INTO telemetry.terminals"
            " (id, terminal_number, enterprise_id, secret_verifier, created_at)"
            " VALUES ($1, $2, $1, '', now())",
            uuid4(), f"H-{number}",
        )  # fmt: skip
    await make_partitions(connection, utc_now())
    yield connection
    await connection.close()


def ms(at: datetime) -> int:
    return round((at - EPOCH).total_seconds() * 1000)


def metres(one: Fix, other: Fix) -> float:
    """Great-circle distance by the haversine formula."""
    lat, lat2 = math.radians(one.lat), math.radians(other.lat)
    half = math.sin((lat2 - lat) / 2) ** 2
    half += math.cos(lat) * math.cos(lat2) * math.sin(math.radians(other.lon - one.lon) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


def least_by_slot(delays: list[tuple[int, int]], slot_ms: int, kept: int) -> tuple[list[int], list[int]]:
    found: dict[int, int] = {}
    for received, delay in delays:
        slot = received // slot_ms
        found[slot] = min(delay, found.get(slot, delay))
    slots = sorted(found)[-kept:]
    return slots, [found[slot] for slot in slots]


def resistant_slope(slots: list[int], delays: list[int]) -> int | None:
    """Tukey's line through the medians of the outer thirds, a day's rise."""
    count = len(slots)
    if count < 6:
        return None
    first = count // 3 + (count % 3 > 0)
    last = count // 3
    rise = median_low(delays[-last:]) - median_low(delays[:first])
    return math.trunc(24 * rise / (median_low(slots[-last:]) - median_low(slots[:first])))


def expected(seen: Seen) -> dict[str, Any]:
    """What health must say of a terminal."""
    minutes, minute_delays = least_by_slot(seen.delays, 60_000, 15)
    hours, hour_delays = least_by_slot(seen.delays, 3_600_000, 48)
    found = {
        "minutes": minutes, "minute_delays_ms": minute_delays, "hours": hours, "hour_delays_ms": hour_delays,
        "clock_offset_ms": median_low(minute_delays) if minute_delays else None,
        "clock_drift_ms_per_day": resistant_slope(hours, hour_delays), "heard": max(seen.heard),
    }  # fmt: skip
    return found | counted(seen.newest)


def counted(newest: list[tuple[Row, int]]) -> dict[str, Any]:
    """Steps, jumps and restarts of the day of the last newest fix's reception."""
    steps: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (old, _), (new, received) in pairwise(newest):
        if new is old:
            continue
        day = (EPOCH + timedelta(milliseconds=received)).astimezone(ZoneInfo(ZONE)).date()
        tally = steps[day]
        seconds = (new[2] - old[2]) / 1000
        tally[0] += seconds > 0
        tally[1] += (
            seconds > 0 and metres(stated(old[3]), stated(new[3])) - JUMP.slack_m > JUMP.kmh / 3.6 * seconds
        )
        tally[2] += (stated(new[3]).boot or 0) > (stated(old[3]).boot or 0)
    if not newest:
        return {"steps": None, "jumps": None, "restarts": None}
    last = (EPOCH + timedelta(milliseconds=newest[-1][1])).astimezone(ZoneInfo(ZONE)).date()
    return dict(zip(("steps", "jumps", "restarts"), steps[last], strict=True))


def drawn_batch(chance: random.Random, now: int, clocks: list[int], seen: list[Seen]) -> Batch:
    """A batch of some terminals: live fixes, backfill, jumps, restarts, duplicates, bad ones."""
    batch = Batch(EPOCH + timedelta(milliseconds=now), redelivered=True)
    for key in chance.sample(range(TERMINALS), chance.randint(1, TERMINALS)):
        mine: list[Row] = []
        for _ in range(chance.choice((0, 1, 1, 1, 3))):
            age = chance.choice((0, 0, 0, 5_000, 600_000, 7_200_000))
            lon = 122 + chance.random() / 100 + chance.choice((0, 0, 0, 3))
            at = now - age - clocks[key] - chance.randint(0, 3000)
            fix = Fix(time=float(at), lon=lon, lat=41.1, boot=now // 7_200_000, seq=1)
            mine.append(encode(key + 1, at, fix, now))
        if seen[key].fixes and chance.random() < 0.3:
            mine.append(chance.choice(seen[key].fixes))
        if chance.random() < 0.2:
            batch.rejects.append(Quarantine(f"H-{key}", key + 1, Rejected("null_island", "", b"x")))
        elif not mine:
            continue
        seen[key].heard.append(now)
        if mine:
            seen[key].delays.append((now, now - max(row[2] for row in mine)))
        for row in mine:
            seen[key].received.setdefault(row[3][:32], now)
        seen[key].fixes += mine
        batch.rows += mine
    return batch


def note_newest(seen: list[Seen]) -> None:
    """Take down each terminal's newest fix: at equal times the least content hash, as the table orders it."""
    for one in seen:
        if not one.fixes:
            continue
        at = max(row[2] for row in one.fixes)
        rows = [row for row in one.fixes if row[2] == at]
        # Bytes 26 to 34 of a COPY tuple are the content hash: after count, key and time with their lengths.
        least = min(rows, key=lambda row: int.from_bytes(row[3][26:34], "big", signed=True))
        one.newest.append((least, one.received[least[3][:32]]))


@pytest.mark.parametrize("seed", range(6))
async def test_folding_keeps_what_a_second_look_at_everything_gives(worker: Connection, seed: int) -> None:
    chance = random.Random(seed)
    seen = [Seen() for _ in range(TERMINALS)]
    clocks = [chance.choice((0, -60_000, 30_000, 3_600_000)) for _ in range(TERMINALS)]
    step = (2_000, 20_000, 60_000, 600_000, 1_800_000, 3_600_000)[seed]
    now = ms(utc_now()) - 160 * step - 1000
    for _ in range(160):
        now += chance.randint(1, 2 * step) if chance.random() < 0.9 else 5
        now = min(now, ms(utc_now()))
        await store_batch(worker, drawn_batch(chance, now, clocks, seen), ZONE)
        if chance.random() < 0.4:
            await fold_batches(worker, ZONE, JUMP)
            note_newest(seen)
    await fold_batches(worker, ZONE, JUMP)
    note_newest(seen)
    rows = await worker.fetch(
        "SELECT terminal_number, h.*, l.steps, l.jumps, l.restarts,"
        " greatest(h.heard_at, l.received_at) AS heard"
        " FROM telemetry.terminals t JOIN telemetry.terminal_health h USING (terminal_key)"
        " LEFT JOIN telemetry.latest_positions l USING (terminal_key) ORDER BY 1"
    )
    assert len(rows) == TERMINALS
    for row, one in zip(rows, seen, strict=True):
        wanted = expected(one)
        found = {name: row[name] for name in wanted}
        assert abs(ms(found.pop("heard")) - wanted.pop("heard")) <= 1
        assert found == wanted


async def test_a_clock_that_is_off_is_told_from_old_fixes(worker: Connection) -> None:
    """Half an hour of live fixes, then a tunnel's four hundred fixes within one minute: the offset stays."""
    start = ms(utc_now()) - 3_600_000

    async def report(received: int, times: list[int]) -> None:
        rows = [encode(1, at, Fix(time=float(at), lon=122.0, lat=41.0), received) for at in times]
        await store_batch(worker, Batch(EPOCH + timedelta(milliseconds=received), rows), ZONE)

    for minute in range(30):
        now = start + minute * 60_000
        await report(now, [now - 45_000])
    for number in range(100):
        now = start + 1_800_000 + number * 500
        await report(now, [now - 1_700_000 + number * 4 + n for n in range(4)])
    await fold_batches(worker, ZONE)
    assert await worker.fetchval("SELECT clock_offset_ms FROM telemetry.terminal_health") == 45_000
