"""The clock of the host that takes positions in steps, the process starts again, nothing comes for days.

Whatever happens: the latest position of a terminal is the newest that is stored and never an earlier one,
every fix received is stored, a duplicate or in quarantine, and what was in order is stored.
"""

import json
import random
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.telemetry.domain.fixes import decode
from services.telemetry.domain.instants import from_ms, to_ms
from services.telemetry.domain.rows import encode
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch

ZONE = "Asia/Shanghai"
DAY = timedelta(days=1)


class Host:
    """Takes messages in as ingest does, by a clock that may be wrong."""

    def __init__(self, url: str, worker: "asyncpg.Connection[asyncpg.Record]", key: int) -> None:
        self.url, self.worker, self.key = url, worker, key
        self.received = 0
        self.accepted: set[int] = set()

    async def take(self, times: list[datetime], clock: datetime, *, redelivered: bool = False) -> None:
        """One message at what the host takes for now."""
        payload = [{"time": format_instant(at), "lon": 122.0, "lat": 41.0} for at in times]
        good, bad = decode(json.dumps(payload).encode(), to_ms(clock))
        batch = Batch(clock, redelivered=redelivered)
        batch.rows = [encode(self.key, at, fix, to_ms(clock)) for at, fix in good]
        batch.rejects = [Quarantine("CLOCK", self.key, each) for each in bad]
        await store_batch(self.worker, batch, ZONE)
        self.received += len(times)
        self.accepted |= {at for at, _ in good}

    async def fold(self) -> None:
        """Bring the latest position up to what is stored."""
        while await fold_batches(self.worker, ZONE):
            pass

    async def restart(self) -> None:
        """A new process; what was committed and not folded is folded by it."""
        await self.worker.close()
        self.worker = await asyncpg.connect(self.url)

    async def latest(self) -> datetime | None:
        found: datetime | None = await self.worker.fetchval("SELECT time FROM telemetry.latest_positions")
        return found

    async def check(self) -> None:
        """Latest is the newest stored, all that was accepted is stored once, sums close."""
        await self.fold()
        rows = await self.worker.fetch("SELECT time FROM telemetry.positions ORDER BY time")
        assert [to_ms(row[0]) for row in rows] == sorted(self.accepted)
        assert await self.latest() == (rows[-1][0] if rows else None)
        account = await self.worker.fetchrow(
            "SELECT sum(received), sum(stored), sum(duplicate + quarantined) FROM telemetry.ingest_accounting"
        )
        assert account is not None
        assert tuple(account)[:2] == (self.received, len(self.accepted))
        assert account[0] == account[1] + account[2]


@pytest.fixture
async def host(fresh_database_urls: dict[str, str]) -> AsyncIterator[Host]:
    url = fresh_database_urls["telemetry_worker"]
    worker = await asyncpg.connect(url)
    key = await worker.fetchval(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)"
        " VALUES ($1, 'CLOCK', $1, '', now()) RETURNING terminal_key", uuid4(),
    )  # fmt: skip
    await make_partitions(worker, utc_now())
    made = Host(url, worker, key)
    yield made
    await made.worker.close()


@pytest.mark.parametrize("step", [-400 * DAY, -40 * DAY, -DAY / 24, DAY / 24, 40 * DAY, 400 * DAY])
async def test_a_step_of_the_clock_moves_no_latest_position_back(host: Host, step: timedelta) -> None:
    true = utc_now().replace(microsecond=0) - timedelta(minutes=30)
    minutes = [true + timedelta(minutes=n) for n in range(20)]
    await host.take(minutes[:5], minutes[4])
    await host.check()
    assert await host.latest() == minutes[4]
    await host.take(minutes[5:10], minutes[9] + step)
    await host.check()
    is_wrong_by_more = abs(step) > 30 * DAY or step < timedelta(0)
    assert await host.latest() == minutes[4 if is_wrong_by_more else 9]
    await host.restart()
    await host.take(minutes[3:10], minutes[9] + step, redelivered=True)
    await host.check()
    await host.take(minutes[8:12], minutes[11])
    await host.check()
    assert await host.latest() == minutes[11]
    await host.take(minutes[:4], minutes[11])
    await host.check()
    assert await host.latest() == minutes[11]


@pytest.mark.parametrize("redelivered", [False, True])
async def test_after_a_gap_days_are_there_that_nobody_made(
    host: Host, fresh_database_urls: dict[str, str], *, redelivered: bool
) -> None:
    """No process has run for weeks: days of before the gap, within it and of today come in one batch."""
    owner = await asyncpg.connect(fresh_database_urls["superuser"])
    for row in await owner.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'telemetry.positions'::regclass"
    ):
        await owner.execute(f"DROP TABLE {row[0]}")
    await owner.close()
    now = utc_now().replace(microsecond=0)
    late = [now - 29 * DAY, now - 10 * DAY, now - DAY, now]
    for _ in range(2):
        await host.take(late, now, redelivered=redelivered)
        await host.check()
    assert len(host.accepted) == len(late)


@pytest.mark.parametrize("seed", range(5))
async def test_any_mixture_of_steps_restarts_gaps_and_backfills(host: Host, seed: int) -> None:
    chance = random.Random(seed)
    true = utc_now().replace(microsecond=0) - 20 * DAY
    sent: list[datetime] = []
    newest, step = None, timedelta(0)
    for _ in range(40):
        true += chance.choice([timedelta(seconds=10), timedelta(minutes=5), timedelta(hours=9), 2 * DAY / 3])
        if chance.random() < 0.2:
            step = chance.choice([timedelta(0), timedelta(0), -400 * DAY, -DAY, DAY, 20 * DAY, 400 * DAY])
        message = [true - timedelta(seconds=n) for n in range(chance.randrange(1, 5))]
        if sent and chance.random() < 0.4:
            message += chance.sample(sent, min(len(sent), 3))
        chance.shuffle(message)
        sent += message
        await host.take(message, true + step, redelivered=chance.random() < 0.3)
        if chance.random() < 0.2:
            await host.restart()
        if chance.random() < 0.6:
            await host.fold()
        found = await host.latest()
        assert newest is None or (found is not None and found >= newest)
        newest = found
    await host.check()
    if host.accepted:
        assert await host.latest() == from_ms(max(host.accepted))
