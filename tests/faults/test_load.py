"""Load held: many sockets at a steady rate, a burst, the backlog of an outage (reliability.md R3 and R4)."""

import asyncio
import json
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from services.shared.auth import Role
from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.telemetry.consumers.arguments import allow_sockets
from services.telemetry.consumers.device import Credential, Device
from services.telemetry.consumers.simulation import Plan, Probe, Simulation, settle
from services.telemetry.domain.conservation import quantile
from tests.factories.telemetry import headers
from tests.support.conserved import compare
from tests.support.managed import Usage, resident_bytes
from tests.support.measured import tell
from tests.support.telemetry_stage import Stage
from tests.support.waiting import eventually

RATE = 1000
VISIBLE_P99_MS = 2000.0
INGEST_CORE = 0.6
GROWTH = 0.05
BURST_RATE = 5000
DRAINED_A_SECOND = 5000
WARM_S = 8.0
SETTLE_S = 30.0
WINDOW = 50
SENDERS = 100


_ACCOUNTED = (
    "SELECT coalesce(sum(stored), 0)::bigint FROM telemetry.ingest_accounting WHERE terminal_number = any($1)"
)
_STORED = (
    "SELECT count(*) AS rows, count(DISTINCT (terminal_key, seq)) AS distinct FROM telemetry.positions"
    " JOIN telemetry.terminals USING (terminal_key) WHERE terminal_number = any($1)"
)


@dataclass(frozen=True)
class Held:
    """Form of R3."""

    sockets: int
    seconds: float


@dataclass(frozen=True)
class Burst:
    """Form of R4."""

    seconds: float
    backlog: int


_LONG = [pytest.mark.slow, pytest.mark.timeout(2400)]
HELD = [
    pytest.param(Held(2_000, 30), id="short"),
    pytest.param(Held(10_000, 600), id="long", marks=_LONG),
]
BURSTS = [
    pytest.param(Burst(8, 100_000), id="short"),
    pytest.param(Burst(60, 1_800_000), id="long", marks=_LONG),
]


async def devices_of(stage: Stage, prefix: str, count: int) -> list[Device]:
    """Devices with credentials of their own."""
    enterprise_id = await stage.enterprise()
    credentials = await stage.provision(enterprise_id, [f"{prefix}-{n}" for n in range(count)])
    return [Device(item, stage.broker.host, stage.broker.port) for item in credentials]


@pytest.mark.alone
@pytest.mark.parametrize("form", HELD)
async def test_connected_terminals_are_held_at_a_steady_rate(stage: Stage, form: Held) -> None:
    assert allow_sockets(form.sockets) >= form.sockets, resource.getrlimit(resource.RLIMIT_NOFILE)
    *devices, looked_for = await devices_of(stage, f"R3-{form.sockets}", form.sockets + 1)
    # What ingest remembers of each terminal is no growth: it has met every one before it is measured.
    period_s = form.sockets / RATE
    warm_s = max(WARM_S, 3 * period_s)
    run = Simulation(devices, Plan(period_s, warm_s + form.seconds, SETTLE_S))
    async with stage.client() as api:

        async def newest(lon: float, lat: float) -> str | None:
            box = f"{lon - 0.01},{lat - 0.01},{lon + 0.01},{lat + 0.01}"
            query = {"bbox": box, "purpose": "巡查"}
            # A token of its own: the run lasts longer than one.
            who = headers(Role.transport_bureau)
            answer = await api.get("/v1/latest-positions", params=query, headers=who)
            return max((feature["properties"]["time"] for feature in answer.json()["features"]), default=None)

        probe = Probe(looked_for, newest)
        await run.open_all()
        stop = asyncio.Event()
        driving = asyncio.create_task(run.drive(asyncio.Event()))
        await asyncio.sleep(warm_s)
        looking = asyncio.create_task(probe.run(stop))
        usage, resident = Usage(stage["ingest"]), [stage["ingest"].resident_bytes()]
        while not driving.done():
            await asyncio.wait([driving], timeout=form.seconds / 10)
            resident.append(stage["ingest"].resident_bytes())
        await driving
        share, grown = usage.share(), resident[-1] / resident[0] - 1
        connected = run.connected
        stop.set()
        await looking
    await asyncio.gather(run.settle(), settle(probe.device, SETTLE_S))
    await run.close()
    await probe.device.close()
    found = await compare(stage, [*devices, probe.device])
    visible = sorted(probe.visible_ms)
    p50, p99 = quantile(visible, 0.5), quantile(visible, 0.99)
    assert p50 is not None
    assert p99 is not None
    tell(
        f"R3: {form.sockets} sockets, {found.recorded} positions in {warm_s + form.seconds:.0f} s: lost"
        f" {found.missing}, twice {found.twice}; visible in the API p50 {p50:.0f} ms p99 {p99:.0f} ms;"
        f" ingest {share:.0%} of a core, memory {grown:+.1%}: {[size >> 20 for size in resident]} MiB"
    )
    assert connected == form.sockets
    assert sum(device.ledger.connections for device in devices) == form.sockets
    assert (found.missing, found.twice, run.waiting) == (0, 0, 0)
    assert found.recorded >= 0.9 * RATE * (form.seconds + warm_s)
    assert p99 <= VISIBLE_P99_MS
    assert share <= INGEST_CORE
    assert grown <= GROWTH


@pytest.mark.parametrize("form", BURSTS)
async def test_a_burst_and_the_backlog_of_an_outage_are_absorbed(stage: Stage, form: Burst) -> None:
    devices = await devices_of(stage, f"R4-{form.backlog}", 500)
    run = Simulation(devices, Plan(len(devices) / BURST_RATE, form.seconds, SETTLE_S))
    await run.open_all()
    began = time.monotonic()
    await run.drive(asyncio.Event())
    seconds = time.monotonic() - began
    await run.settle()
    settled = time.monotonic() - began
    await run.close()
    found = await compare(stage, devices)
    tell(
        f"R4: burst of {found.recorded} positions at {found.recorded / seconds:.0f}/s: lost {found.missing},"
        f" twice {found.twice}, all receipted {settled - seconds:.1f} s after it"
    )
    assert found.recorded >= 0.8 * BURST_RATE * form.seconds
    assert (found.missing, found.twice, run.waiting) == (0, 0, 0)
    await drain(stage, form.backlog)


async def drain(stage: Stage, backlog: int) -> None:
    """Let so many messages of one position wait in the broker, then ingest take them."""
    senders = await devices_of(stage, f"R4B-{backlog}", SENDERS)
    each = backlog // SENDERS
    await asyncio.to_thread(stage["ingest"].end)
    began = time.monotonic()
    await asyncio.gather(*(publish_all(device.credential, stage, each) for device in senders))
    published = time.monotonic() - began
    assert stage.broker.process is not None
    held = resident_bytes(stage.broker.process.pid)
    began = time.monotonic()
    stage["ingest"].start()
    async with stage.superuser() as connection:
        numbers = [device.credential.terminal_number for device in senders]

        async def is_drained() -> bool:
            await asyncio.sleep(0.25)
            return bool(await connection.fetchval(_ACCOUNTED, numbers) >= each * SENDERS)

        await eventually(is_drained, 60 + backlog / DRAINED_A_SECOND)
        seconds = time.monotonic() - began
        row = await connection.fetchrow(_STORED, numbers)
    assert row is not None
    tell(
        f"R4: backlog of {each * SENDERS} messages ({published:.0f} s to publish, {held >> 20} MiB"
        f" in the broker) drained in {seconds:.1f} s"
        f" from the start of ingest: {each * SENDERS / seconds:.0f} rows/s, stored {row['rows']}"
    )
    assert row["rows"] == row["distinct"] == each * SENDERS
    assert each * SENDERS / seconds >= DRAINED_A_SECOND


async def publish_all(credential: Credential, stage: Stage, count: int) -> None:
    """Publish single positions as fast as the broker takes them."""
    device = Device(credential, stage.broker.host, stage.broker.port)
    connection = await device.open()
    for payloads in chunks(count):
        reasons = await asyncio.gather(*(connection.deliver(credential.topic, body) for body in payloads))
        assert set(reasons) <= {0}, "the broker did not keep a message for ingest"
    await device.close()


def chunks(count: int) -> Iterator[list[bytes]]:
    """Payloads of a terminal, a window each."""
    start = utc_now() - timedelta(hours=12)
    for first in range(0, count, WINDOW):
        numbers = range(first, min(first + WINDOW, count))
        yield [payload(seq, start + timedelta(seconds=seq)) for seq in numbers]


def payload(seq: int, at: datetime) -> bytes:
    fix = {"time": format_instant(at), "lon": 122.0, "lat": 41.1, "boot": 1, "seq": seq}
    return json.dumps(fix).encode()
