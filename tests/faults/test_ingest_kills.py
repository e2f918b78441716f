"""Promise 1: what was receipted is stored, once, whatever is killed (reliability.md R1 and R2).

Ingest and the broker are killed and PostgreSQL is stopped at once, apart and all together, while terminals
stream with `boot` and `seq`, restart, repeat and send out of order. A terminal sends again what no receipt
came for. Terminals that trust the broker's PUBACK instead are the weaker promise: what that loses is printed.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pytest

from services.telemetry.consumers.device import Device
from services.telemetry.consumers.simulation import Plan, Simulation, settle
from services.telemetry.domain.mishaps import KINDS
from tests.support.conserved import compare
from tests.support.measured import tell
from tests.support.telemetry_stage import Stage
from tests.support.waiting import eventually

CONVERGED_WITHIN_S = 30.0
RESEND_S = 2.0
SAVED_EVERY_S = 1.0
"""How often the broker agent lets the broker save, while a save is quick."""
UNSAVED_S = 2 * SAVED_EVERY_S
QUIET_S = 5.0
DRAINED_WITHIN_S = 120.0

_RECEIVED = "SELECT sum(received) FROM telemetry.ingest_accounting"


@dataclass(frozen=True)
class Form:
    """How large a run is."""

    positions: int
    terminals: int
    a_second: int
    kills: Mapping[str, int]

    @property
    def period_s(self) -> float:
        """Between two fixes of one terminal."""
        return self.terminals / self.a_second


SHORT = Form(10_000, 50, 700, {"ingest": 3, "broker": 2, "database": 1, "all": 1})
LONG = Form(100_000, 200, 1400, {"ingest": 10, "broker": 5, "database": 3, "all": 3})
FORMS = [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.slow)]


async def strike(stage: Stage, what: str) -> None:
    """One fault: what is killed is started again at once, as the supervisor does.

    Ingest is at work before it is killed. `queue` kills the broker while it holds what ingest, killed before,
    has not taken.
    """
    if what in {"queue", "ingest", "all"}:
        await asyncio.to_thread(stage["ingest"].wait_ready)
    if what == "queue":
        await asyncio.to_thread(stage["ingest"].kill)
        await asyncio.sleep(random.uniform(2.5, 4.5) * SAVED_EVERY_S)
        await strike(stage, "broker")
        stage["ingest"].start()
    if what in {"ingest", "all"}:
        await asyncio.to_thread(stage["ingest"].kill)
    if what in {"broker", "all"}:
        await asyncio.to_thread(stage.broker.kill)
    if what in {"database", "all"}:
        await asyncio.to_thread(stage.cluster.stop, "immediate")
        await asyncio.to_thread(stage.cluster.start)
    if what in {"broker", "all"}:
        await asyncio.to_thread(stage.broker.start)
    if what in {"ingest", "all"}:
        stage["ingest"].start()


async def strike_at_random(stage: Stage, kills: Mapping[str, int], run: Simulation, positions: int) -> float:
    """All faults in random order, the last when so many positions are measured; the time of its end."""
    faults = list(Counter(kills).elements())
    random.shuffle(faults)
    seconds = positions * run.plan.period_s / len(run.terminals)

    async def are_measured() -> bool:
        return sum(terminal.device.ledger.recorded for terminal in run.terminals) >= positions

    for left, fault in reversed(list(enumerate(faults))):
        await asyncio.sleep(random.uniform(0.5, 1.5) * seconds / (len(faults) + 1))
        if not left:
            await eventually(are_measured, 2 * seconds)
        await strike(stage, fault)
    return time.monotonic()


@pytest.mark.parametrize("form", FORMS)
async def test_nothing_receipted_is_missing_and_nothing_is_twice(stage: Stage, form: Form) -> None:
    enterprise_id = await stage.enterprise()
    numbers = [f"R1-{form.terminals}-{n}" for n in range(form.terminals)]
    faults = set(KINDS) - {"tunnels"}  # a terminal in a tunnel converges when it comes out
    devices = [
        Device(item, stage.broker.host, stage.broker.port, resend_s=RESEND_S)
        for item in await stage.provision(enterprise_id, numbers)
    ]
    run = Simulation(devices, Plan(form.period_s, math.inf, CONVERGED_WITHIN_S, faults, seed=7))
    await run.open_all()
    stop = asyncio.Event()
    driving = asyncio.create_task(run.drive(stop))
    last = await strike_at_random(stage, form.kills, run, form.positions)
    stop.set()
    await driving
    await run.settle()
    assert run.waiting == 0, f"{run.waiting} not receipted: {stage['ingest'].tail()}"
    converged = time.monotonic() - last
    await run.close()
    found = await compare(stage, devices)
    tell(
        f"R1: {found.recorded} positions of {form.terminals} terminals, kills {dict(form.kills)}: missing"
        f" {found.missing}, twice {found.twice}, sent again {found.duplicate},"
        f" all receipted {converged:.1f} s after the last fault"
    )
    assert found.recorded >= form.positions
    assert sum(device.ledger.receipted for device in devices) == found.recorded
    assert (found.missing, found.twice) == (0, 0)
    assert converged <= CONVERGED_WITHIN_S


async def is_quiet(stage: Stage, seconds: float) -> bool:
    """Whether ingest receives nothing for so long: then the broker holds nothing more for it."""
    async with stage.superuser() as connection:
        before = await connection.fetchval(_RECEIVED)
        await asyncio.sleep(seconds)
        return bool(before == await connection.fetchval(_RECEIVED))


@pytest.mark.parametrize("form", FORMS)
async def test_what_a_terminal_loses_that_trusts_the_puback(stage: Stage, form: Form) -> None:
    """Ingest and database: nothing. The broker: what it had not saved, about the last second of its queue."""
    enterprise_id = await stage.enterprise()
    for name, kills in (
        ("ingest and database", {"ingest": form.kills["ingest"], "database": form.kills["database"]}),
        ("broker with a full queue", {"queue": form.kills["broker"]}),
    ):
        numbers = [f"R2-{form.terminals}-{name[0]}-{n}" for n in range(form.terminals)]
        credentials = await stage.provision(enterprise_id, numbers)
        devices = [
            Device(item, stage.broker.host, stage.broker.port, resend_s=RESEND_S, trusts_puback=True)
            for item in credentials
        ]
        plan = Plan(form.period_s, math.inf, CONVERGED_WITHIN_S)
        run = Simulation(devices, plan)
        await run.open_all()
        stop = asyncio.Event()
        driving = asyncio.create_task(run.drive(stop))
        await strike_at_random(stage, kills, run, form.positions // 3)
        stop.set()
        await driving
        await asyncio.gather(*(settle(device, CONVERGED_WITHIN_S) for device in devices))
        assert run.waiting == 0
        await run.close()
        await asyncio.to_thread(stage["ingest"].wait_ready)
        await eventually(partial(is_quiet, stage, QUIET_S), DRAINED_WITHIN_S)
        found = await compare(stage, devices)
        allowed = kills.get("queue", 0) * form.a_second * UNSAVED_S
        tell(
            f"R2: PUBACK alone, {name} killed {sum(kills.values())} times: {found.missing} of"
            f" {found.recorded} lost at {form.a_second}/s (the broker saves every {SAVED_EVERY_S:.0f} s)"
        )
        assert found.twice == 0
        assert found.missing <= allowed
