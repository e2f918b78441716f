"""Promise 1 over JT/T 808: what was answered is stored, once, whatever is killed (reliability.md R1).

The listener is killed five times and PostgreSQL stopped at once three times while terminals report, singly
and in batches; a terminal sends again what was not answered. In the end every report is stored exactly once
and every answer was true when it was given.
"""

import asyncio
import contextlib
import os
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import asyncpg

from services.shared.clock import utc_now
from services.telemetry.domain.broker_files import new_code, verifier
from tests.factories import jt808
from tests.support.jt808_device import Device808, connect808
from tests.support.ports import unused_port
from tests.support.telemetry_stage import Stage, running_stage

LONG = bool(os.environ.get("FREIGHT_LONG"))
TERMINALS, REPORTS = (200, 500) if LONG else (20, 300)
KILLS, STOPS = (10, 3) if LONG else (5, 3)
RESEND_S = 2.0
SECONDS = 30.0 if LONG else 8.0


@dataclass
class Terminal:
    """A terminal with a buffer: it keeps a report until it is answered."""

    phone: str
    code: str
    port: int
    bodies: list[bytes] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        start = utc_now().replace(microsecond=0) - timedelta(hours=1)
        self.bodies = [
            jt808.report(start + timedelta(seconds=n), 122 + n / 1e4, alarm=n % 50 == 0)
            for n in range(REPORTS)
        ]

    async def stream(self) -> None:
        """Reports everything over some seconds, reconnecting and repeating until all is answered."""
        sent_at: dict[int, float] = {}
        while len(self.answered) < REPORTS:
            with contextlib.suppress(ConnectionError, TimeoutError, AssertionError, OSError):
                device = await connect808(self.port, self.phone)
                sent_at.clear()
                try:
                    assert await device.sign_in(self.code) == 0
                    await self._report(device, sent_at)
                finally:
                    device.writer.close()
            await asyncio.sleep(0.2)

    async def _report(self, device: Device808, sent_at: dict[int, float]) -> None:
        waiting: dict[int, tuple[int, ...]] = {}
        while len(self.answered) < REPORTS:
            now = time.monotonic()
            due = [
                n
                for n in range(REPORTS)
                if n not in self.answered and now - sent_at.get(n, -RESEND_S) >= RESEND_S
            ][:10]
            if len(due) > 5:
                waiting[device.send(0x0704, jt808.batch(self.bodies[n] for n in due[5:]))] = tuple(due[5:])
            for n in due[:5]:
                waiting[device.send(0x0200, self.bodies[n])] = (n,)
            sent_at.update(dict.fromkeys(due, now))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS * 10 / REPORTS):
                    while True:
                        await device.receive()
            for serial in [serial for serial in device.results if serial in waiting]:
                assert device.results.pop(serial) == 0
                self.answered.update(waiting.pop(serial))


async def strike_at_random(stage: Stage) -> None:
    """Kills of the listener and immediate stops of PostgreSQL, in random order, about a second apart."""
    faults = ["listener"] * KILLS + ["database"] * STOPS
    random.shuffle(faults)
    for fault in faults:
        await asyncio.sleep(random.uniform(0.8, 1.6))
        if fault == "listener":
            await asyncio.to_thread(stage["listener"].kill)
            stage["listener"].start()
        else:
            await asyncio.to_thread(stage.cluster.stop, "immediate")
            await asyncio.to_thread(stage.cluster.start)


async def add_terminals(urls: dict[str, str], port: int) -> list[Terminal]:
    """Terminals in the table."""
    found = [Terminal(f"139{n:08}", new_code(), port) for n in range(TERMINALS)]
    connection = await asyncpg.connect(urls["superuser"])
    await connection.executemany(
        "INSERT INTO telemetry.terminals (id, terminal_number, enterprise_id, kind, secret_verifier,"
        " created_at, status, active_generation) VALUES ($1, $2, $1, 'jt808', $3, now(), 'active', 1)",
        [(uuid4(), terminal.phone, verifier(terminal.code)) for terminal in found],
    )
    await connection.close()
    return found


async def test_nothing_answered_is_missing_and_nothing_is_twice() -> None:
    with running_stage(()) as stage:
        port = unused_port()
        listener = stage.add("listener", jt808_port=port)
        terminals = await add_terminals(stage.urls, port)
        streams = [asyncio.create_task(terminal.stream()) for terminal in terminals]
        await strike_at_random(stage)
        try:
            async with asyncio.timeout(60 if LONG else 30):  # all converge after the last fault
                await asyncio.gather(*streams)
        except TimeoutError as error:
            missing = sum(REPORTS - len(terminal.answered) for terminal in terminals)
            raise AssertionError(f"{missing} not answered: {listener.tail()}") from error
        await check_stored(stage.urls, terminals)


async def check_stored(urls: dict[str, str], terminals: list[Terminal]) -> None:
    """Every report is stored exactly once, with its alarm."""
    connection = await asyncpg.connect(urls["superuser"])
    stored = await connection.fetch(
        "SELECT terminal_number, count(*), count(DISTINCT time),"
        " count(*) FILTER (WHERE alarm_bits = 1)"
        " FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key) GROUP BY 1"
    )
    alarms = await connection.fetchval("SELECT count(*) FROM telemetry.terminal_alarms")
    sums = await connection.fetchrow(
        "SELECT sum(s) AS stored, sum(d) AS duplicate, sum(q) AS quarantined FROM telemetry.ingest_batches,"
        " unnest(stored, duplicate, quarantined) AS u(s, d, q)"
    )
    await connection.close()
    each = (REPORTS, REPORTS, REPORTS // 50)
    assert {row[0]: tuple(row)[1:] for row in stored} == {terminal.phone: each for terminal in terminals}
    assert alarms == TERMINALS * (REPORTS // 50)
    assert sums is not None
    assert (sums["stored"], sums["quarantined"]) == (TERMINALS * REPORTS, 0)
