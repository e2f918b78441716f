"""A batch is one transaction: repeated, refused in part, without its partition, it ends in the same rows."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.domain.rows import encode, partition
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.few import FEW
from services.telemetry.operations.folding import fold_batches
from services.telemetry.operations.storing import make_partitions, store_batch

Worker = asyncpg.Connection
ZONE = "Asia/Shanghai"


@pytest.fixture
async def worker(fresh_database_urls: dict[str, str]) -> AsyncIterator[Worker]:
    connection = await asyncpg.connect(fresh_database_urls["telemetry_worker"])
    await connection.execute(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, secret_verifier, created_at)"
        " VALUES ($1, 'STORE', $1, '', now())",
        uuid4(),
    )
    yield connection
    await connection.close()


def batch(*lons: float) -> Batch:
    now = utc_now()
    at = to_ms(now) - 60_000
    rows = [encode(1, at + n, Fix(time=float(at), lon=lon, lat=41.0), at) for n, lon in enumerate(lons)]
    return Batch(now, rows)


async def lons(worker: Worker) -> list[float]:
    return [row[0] for row in await worker.fetch("SELECT lon FROM telemetry.positions ORDER BY lon")]


async def test_a_missing_partition_is_made(worker: Worker) -> None:
    await store_batch(worker, batch(122.0), ZONE)
    assert await lons(worker) == [122.0]


async def test_repeating_a_batch_changes_the_account_and_no_row(worker: Worker) -> None:
    await make_partitions(worker, utc_now())
    one = batch(122.0, 122.1, 122.1)
    assert not await store_batch(worker, batch(121.0), ZONE)
    for _ in range(2):
        assert await store_batch(worker, Batch(one.received_at, [*one.rows, one.rows[0]]), ZONE)
    assert await lons(worker) == [121.0, 122.0, 122.1, 122.1]
    assert await fold_batches(worker, ZONE) == 3
    account = await worker.fetchrow(
        "SELECT sum(received), sum(stored), sum(duplicate) FROM telemetry.ingest_accounting"
    )
    assert account is not None
    assert tuple(account) == (9, 4, 5)


async def test_a_row_the_database_refuses_goes_to_quarantine_alone(worker: Worker) -> None:
    await make_partitions(worker, utc_now())
    good, bad = batch(*(122 + n / 100 for n in range(FEW))), batch(123.0)
    key = bad.rows[0][1]
    # Latitude one byte short: nothing this side can make, as a fault of PostgreSQL's own would be.
    poison = (
        *bad.rows[0][:3],
        bad.rows[0][3].replace(b"\0\0\0\x08\x40\x5e\xc0", b"\0\0\0\x07\x40\x5e\xc0"),
    )
    assert poison[3] != bad.rows[0][3]
    good.rows.insert(4, poison)
    await store_batch(worker, good, ZONE)
    assert len(await lons(worker)) == FEW
    row = await worker.fetchrow("SELECT reason, terminal_number, times FROM telemetry.quarantined_positions")
    assert row is not None
    assert tuple(row) == ("refused_by_database", "STORE", 1)
    assert key == 1
    await fold_batches(worker, ZONE)
    account = await worker.fetchrow("SELECT received, stored, quarantined FROM telemetry.ingest_accounting")
    assert account is not None
    assert tuple(account) == (FEW + 1, FEW, 1)


async def test_few_rows_are_stored_as_many_are(worker: Worker) -> None:
    await make_partitions(worker, utc_now())
    now = utc_now()
    at = to_ms(now) - 60_000
    fixes = [
        Fix(time=0.0, lon=122.07, lat=-41.1),
        Fix(time=0.0, lon=-0.0, lat=1.0, speed_kmh=60.1, heading_deg=359.9, altitude_m=-2.5, boot=2**53 - 1),
        Fix(
            time=0.0,
            lon=1.0,
            lat=2.0,
            mileage_km=1e8,
            soc_pct=0.1,
            cargo_temp_c=-18.3,
            load_state="full",
            seq=0,
        ),
    ]
    few, many = (Batch(now, [encode(key, at + n, fix, at) for n, fix in enumerate(fixes)]) for key in (1, 2))
    assert not await store_batch(worker, few, ZONE)
    async with worker.transaction():  # goes by COPY
        assert not await store_batch(worker, many, ZONE)

    async def stored(table: str, keys: str) -> list[list[object]]:
        rows = await worker.fetch(f"SELECT * FROM telemetry.{table} ORDER BY {keys}")  # noqa: S608  constants
        return [[value for name, value in row.items() if name not in {"id", keys}] for row in rows]

    positions = await stored("positions", "terminal_key")
    assert sorted(positions[:3], key=str) == sorted(positions[3:], key=str)
    one, other = await stored("ingest_batches", "terminal_keys")
    assert one == other


async def test_partitions_stand_for_every_time_a_good_fix_may_have(worker: Worker) -> None:
    await make_partitions(worker, utc_now())
    today = to_ms(utc_now()) // 86_400_000
    names = {
        row[0] for row in await worker.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'telemetry'")
    }
    assert {partition(day) for day in range(today - 30, today + 3)} <= names


async def test_the_api_role_reaches_no_partition_and_no_row_of_others(
    worker: Worker, fresh_database_urls: dict[str, str]
) -> None:
    await store_batch(worker, batch(122.0), ZONE)
    api = await asyncpg.connect(fresh_database_urls["telemetry_api"])
    try:
        assert await api.fetchval("SELECT count(*) FROM telemetry.positions") == 0
        name = partition(to_ms(utc_now() - timedelta(minutes=1)) // 86_400_000)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.fetchval(f"SELECT count(*) FROM telemetry.{name}")  # noqa: S608  a name of our own
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await api.execute("DELETE FROM telemetry.positions")
    finally:
        await api.close()


async def test_reports_with_flags_stand_beside_fixes_without(worker: Worker) -> None:
    """In one batch, by COPY and by merging; the same place with another alarm is another report."""
    await make_partitions(worker, utc_now())
    for attempt in range(2):
        mixed = batch(122.0)
        received = mixed.received_at.replace(microsecond=0)
        mixed.received_at, at = received, to_ms(received) - 3_600_000
        mixed.rows = [encode(1, at, Fix(time=float(at), lon=122.0, lat=41.0), at)]
        for alarm in (0, 2, 0xFFFF_FFFF):
            fix = Fix(time=float(at), lon=122.0, lat=41.0)
            mixed.add("STORE", 1, Judged(at, fix, None, alarm, 0x8000_0003), at)
        mixed.add("STORE", 1, Judged(at, None, None, 1, 0), at)
        mixed.redelivered = attempt > 0
        await store_batch(worker, mixed, ZONE)
        found = await worker.fetch("SELECT alarm_bits, status_bits FROM telemetry.positions ORDER BY 1")
        await worker.execute("DELETE FROM telemetry.positions")
        assert [tuple(row) for row in found] == [
            (0, 0x8000_0003), (2, 0x8000_0003), (0xFFFF_FFFF, 0x8000_0003), (None, None),
        ]  # fmt: skip
        assert mixed.new == 4
    alarms = await worker.fetch("SELECT alarm_bits, lon FROM telemetry.terminal_alarms ORDER BY id")
    assert {tuple(row) for row in alarms} == {(1, None), (2, 122.0), (0xFFFF_FFFF, 122.0)}


async def test_a_batch_may_need_a_partition_and_hold_what_is_refused(worker: Worker) -> None:
    good, bad = batch(*(122 + n / 100 for n in range(FEW))), batch(123.0)
    poison = (
        *bad.rows[0][:3],
        bad.rows[0][3].replace(b"\0\0\0\x08\x40\x5e\xc0", b"\0\0\0\x07\x40\x5e\xc0"),
    )
    good.rows.append(poison)
    await store_batch(worker, good, ZONE)  # no partition stands yet
    assert len(await lons(worker)) == FEW
    reasons = await worker.fetch("SELECT reason FROM telemetry.quarantined_positions")
    assert [row[0] for row in reasons] == ["refused_by_database"]


async def test_what_a_constraint_refuses_goes_to_quarantine(
    worker: Worker, fresh_database_urls: dict[str, str]
) -> None:
    superuser = await asyncpg.connect(fresh_database_urls["superuser"])
    await superuser.execute("ALTER TABLE telemetry.positions ADD CONSTRAINT here CHECK (lon < 122.5)")
    await superuser.close()
    await store_batch(worker, batch(121.0, 123.0, 122.0), ZONE)
    assert await lons(worker) == [121.0, 122.0]
    await store_batch(worker, batch(*(120 + n / 1000 for n in range(3 * FEW)), 124.0), ZONE)
    assert len(await lons(worker)) == 2 + 3 * FEW
    refused = await worker.fetch("SELECT reason, times FROM telemetry.quarantined_positions")
    assert [tuple(row) for row in refused] == [("refused_by_database", 1)] * 2
