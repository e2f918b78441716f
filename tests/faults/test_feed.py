"""Promise 2: no gap, no repeat, under concurrent writers, kills, restores (reliability.md R7, short form)."""

import asyncio
import os
import random
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg

from deploy.local.cluster import binaries
from services.shared.changes import verify_feed
from services.shared.db import Database
from tests.support.following import bootstraps, follow_to_head, position
from tests.support.probe import Keys, equal, feed, put, source, source_client
from tests.support.probe_databases import ProbeDatabases, drain, outbox_is_empty, start_process
from tests.support.run_cluster import RunCluster
from tests.support.waiting import eventually

WRITERS, TRANSACTIONS = 32, 40
SEQUENCER_KILLS, FOLLOWER_KILLS, BOOTSTRAP_KILLS = 4, 8, 2
"""The first of the follower's kills fall into its bootstrap."""
Committed = list[tuple[UUID, int]]
LAG_P99_S = 5.0
"""Commit to position, with kills (R7)."""


class _Undo(Exception):
    """Rolls a transaction or savepoint back."""


async def _write_once(probe: Database, shared: list[UUID], dice: random.Random) -> Committed:
    """One transaction of a writer: changes, pauses, savepoints; what it committed."""
    kept: Committed = []
    async with probe.transaction() as session:
        touched = [dice.choice(shared) if dice.random() < 0.3 else uuid4() for _ in range(dice.randint(1, 3))]
        for entity in sorted(touched):  # one order for all writers, so that none waits in a circle
            kept.append((entity, await put(session, entity, dice.randint(0, 10**6))))
            await asyncio.sleep(dice.random() * 0.01)
        if dice.random() < 0.3:
            undone = dice.random() < 0.5
            with suppress(_Undo):
                async with session.begin_nested():
                    entity = uuid4()
                    version = await put(session, entity, 1)
                    if undone:
                        raise _Undo
                    kept.append((entity, version))
        if dice.random() < 0.2:
            raise _Undo
    return kept


async def _writer(
    probe: Database,
    dice: random.Random,
    shared: list[UUID],
    transactions: int,
    times: dict[UUID, float] | None = None,
) -> Committed:
    committed: Committed = []
    for _ in range(transactions):
        with suppress(_Undo):
            done = await _write_once(probe, shared, dice)
            committed += done
            if times is not None:
                times.update((entity, time.time()) for entity, version in done if version == 1)
        await asyncio.sleep(dice.random() * 0.02)
    return committed


async def _write_until(enough: asyncio.Event, probe: Database, number: int) -> None:
    shared, dice = [uuid4()], random.Random(number)
    while not enough.is_set():
        await _writer(probe, dice, shared, 1)


@asynccontextmanager
async def _long_write_elsewhere(cluster: RunCluster) -> AsyncIterator[None]:
    """An open writing transaction in another database of the cluster."""
    connection = await asyncpg.connect(cluster.cluster.url("postgres"))
    await connection.execute(
        "BEGIN; CREATE TEMP TABLE held (n int); INSERT INTO held VALUES (1); SELECT txid_current()"
    )
    yield
    await connection.execute("ROLLBACK")
    await connection.close()


async def _has_begun(mirror: Database) -> bool:
    return await position(mirror) is not None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


async def test_32_writers_and_4_sequencer_kills(
    probe: Database, urls: dict[str, str], test_cluster: RunCluster
) -> None:
    shared = [uuid4() for _ in range(20)]
    running = [await start_process("sequencer", probe=urls["probe_worker"]) for _ in range(2)]
    dice, times = random.Random(7), dict[UUID, float]()
    try:
        async with _long_write_elsewhere(test_cluster):
            writers = asyncio.gather(
                *(_writer(probe, random.Random(n), shared, TRANSACTIONS, times) for n in range(WRITERS))
            )
            for _ in range(SEQUENCER_KILLS):
                await asyncio.sleep(0.4 + dice.random() * 0.4)
                _kill(running.pop(0))
                running.append(await start_process("sequencer", probe=urls["probe_worker"]))
            committed = Counter(item for items in await writers for item in items)
            await eventually(lambda: outbox_is_empty(probe), 20)
    finally:
        for process in running:
            _kill(process)
    pool = await probe.pool()
    rows = await pool.fetch("SELECT pos, id, version, recorded_at FROM probe.changes ORDER BY pos")
    found = Counter((row["id"], row["version"]) for row in rows)
    assert len(committed) > WRITERS * TRANSACTIONS
    assert committed - found == Counter(), "missed"
    assert found - committed == Counter(), "twice, or never committed"
    assert [row["pos"] for row in rows] == list(range(1, len(rows) + 1))
    versions = defaultdict(list)
    for row in rows:
        versions[row["id"]].append(row["version"])
    assert all(order == list(range(1, len(order) + 1)) for order in versions.values())
    assert (await verify_feed(feed, probe)).head == len(rows)
    lags = sorted(row["recorded_at"].timestamp() - times[row["id"]] for row in rows if row["version"] == 1)
    assert lags[len(lags) * 99 // 100] <= LAG_P99_S


async def test_a_follower_killed_at_random_instants_ends_equal(
    probe: Database, mirror: Database, urls: dict[str, str], keys: Keys
) -> None:
    dice = random.Random(11)
    sequencer = await start_process("sequencer", probe=urls["probe_worker"])
    try:
        enough = asyncio.Event()
        writers = asyncio.gather(*(_write_until(enough, probe, n) for n in range(8)))
        for number in range(FOLLOWER_KILLS):
            follower = await start_process(
                "follower", keys, probe=urls["probe_api"], mirror=urls["mirror_worker"]
            )
            if number == BOOTSTRAP_KILLS:
                await eventually(lambda: _has_begun(mirror), 30)
            await asyncio.sleep(dice.random() * 0.6)
            _kill(follower)
        enough.set()
        await writers
        await eventually(lambda: outbox_is_empty(probe), 20)
    finally:
        _kill(sequencer)
    async with source_client(urls["probe_api"], keys) as client:
        before = bootstraps()
        await follow_to_head(mirror, source(client))
        assert bootstraps() == before, "resumed, not started again"
    assert await equal(probe, mirror)


def _dump_and_restore(old: str, new: str) -> None:
    """pg_dump of one database, restored into another that is empty."""
    programs = binaries()
    dump = subprocess.run([programs / "pg_dump", "-Fc", "-d", old], check=True, capture_output=True).stdout
    restore: list[Path | str] = [
        programs / "pg_restore",
        "--exit-on-error",
        "--clean",
        "--if-exists",
        "-d",
        new,
    ]
    subprocess.run(restore, input=dump, check=True, env={**os.environ}, stderr=subprocess.PIPE)


async def test_restore_in_the_middle_is_told_and_ends_equal(
    probe: Database,
    mirror: Database,
    urls: dict[str, str],
    keys: Keys,
    probe_databases: ProbeDatabases,
) -> None:
    shared = [uuid4() for _ in range(5)]
    await _writer(probe, random.Random(1), shared, 20)
    await drain(feed, urls["probe_worker"])
    with probe_databases.clone() as restored:
        await asyncio.to_thread(_dump_and_restore, urls["superuser"], restored["superuser"])
        await _writer(probe, random.Random(2), shared, 20)  # lost by the restore, but already followed
        await drain(feed, urls["probe_worker"])
        async with source_client(urls["probe_api"], keys) as client:
            await follow_to_head(mirror, source(client))
        after = await (await mirror.pool()).fetchrow("SELECT feed_id, pos, digest FROM mirror.follow_cursors")
        assert after is not None
        again = Database(restored["probe_worker"])
        await _writer(again, random.Random(3), shared, 60)
        await drain(feed, restored["probe_worker"])
        async with source_client(restored["probe_api"], keys) as client:
            cursor = {
                "after": after["pos"],
                "feed_id": str(after["feed_id"]),
                "digest": after["digest"].hex(),
            }
            told = await client.get("/internal/v1/changes", params=cursor)
            assert told.status_code == 409
            assert told.json()["type"].endswith(":feed-forked")
            await follow_to_head(mirror, source(client))
        assert await equal(again, mirror)
        assert (await verify_feed(feed, again)).head > after["pos"]
        await again.close()
