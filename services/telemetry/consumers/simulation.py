"""A run of simulated terminals: they drive for a while, meet mishaps, and end when all is receipted."""

import asyncio
import contextlib
import random
from array import array
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.shared.clock import utc_now
from services.shared.schemas import format_instant
from services.telemetry.consumers.device import LOST, Device
from services.telemetry.domain import mishaps
from services.telemetry.domain.driving import Drive

OPENING_AT_ONCE: Final = 200
RETRY_S: Final = 1.0
PROBE_PERIOD_S: Final = 1.0
PROBE_PAUSE_S: Final = 0.02
PROBE_PATIENCE_S: Final = 20.0
OPEN_SEA: Final = (121.4, 40.5)
"""In the bay of 辽东, where no van drives."""
LEAST_STEP: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do; `faults` names kinds of `domain.mishaps`."""

    period_s: float = 10.0
    seconds: float = 60.0
    settle_s: float = 60.0
    """How long after the last fix receipts are waited for."""
    faults: Collection[str] = ()
    seed: int = 1


@dataclass
class Terminal:
    """A device, the van that carries it, and what befalls it."""

    device: Device
    drive: Drive
    chance: random.Random
    mishaps: mishaps.Mishaps
    dark_for: int = 0
    """Fixes until it leaves the tunnel."""
    last: datetime | None = None
    sending: asyncio.Task[None] | None = None

    def measure(self, seconds: float) -> None:
        """Drive on for so long and keep a fix, by its own clock."""
        motion = self.drive.advance(seconds)
        at = utc_now() + timedelta(seconds=self.mishaps.clock_offset_s)
        if self.last is not None and at < self.last + LEAST_STEP:
            at = self.last + LEAST_STEP
        self.last = at
        fix = {
            "time": format_instant(at), "lon": motion.lon, "lat": motion.lat,
            "speed_kmh": round(motion.speed_kmh, 1), "heading_deg": round(motion.heading_deg, 1),
            "mileage_km": round(motion.mileage_km, 2),
        }  # fmt: skip
        self.device.record(mishaps.distort(self.chance, self.mishaps, fix))

    def befall(self) -> None:
        """Let happen what happens between two fixes."""
        happens, what = self.chance.random, self.mishaps
        if self.dark_for:
            self.dark_for -= 1
        elif happens() < what.tunnel_share:
            self.dark_for = what.tunnel_fixes
            self.device.hang_up()
        if happens() < what.reboot_share:
            self.device.reboot()

    def report(self) -> None:
        """Begin to send what is due, unless in a tunnel or still sending: measuring waits for nobody."""
        if not self.dark_for and (self.sending is None or self.sending.done()):
            self.sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            await self.device.publish(newest_first=self.mishaps.disorder)
            if self.chance.random() < self.mishaps.duplicate_share:
                await self.device.repeat()
        except LOST:
            return  # what was not receipted is kept and goes again


class Probe:
    """A terminal in the open sea whose fixes are looked for where everybody reads them.

    Args:
        device: Its own.
        newest: Gives the time of the latest position around a place, as the API answers.
    """

    def __init__(self, device: Device, newest: Callable[[float, float], Awaitable[str | None]]) -> None:
        self.device, self.visible_ms = device, array("f")
        self._newest = newest

    async def run(self, stop: asyncio.Event) -> None:
        """Report once a second and wait each time until the API shows it, until ``stop``."""
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            at = format_instant(utc_now())
            began = clock()
            self.device.record({"time": at, "lon": OPEN_SEA[0], "lat": OPEN_SEA[1]})
            try:
                await self.device.publish()
            except LOST:
                pass  # it goes again when its receipt is due; the next one is looked for
            else:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._see(at), PROBE_PATIENCE_S)
                self.visible_ms.append((clock() - began) * 1000)
            await _until(began + PROBE_PERIOD_S, stop)

    async def _see(self, at: str) -> None:
        while True:
            newest = await self._newest(*OPEN_SEA)
            if newest is not None and newest >= at:
                return
            await asyncio.sleep(PROBE_PAUSE_S)


class Simulation:
    """Many terminals in one process, each with its own chance, drawn from the plan's seed."""

    def __init__(self, devices: Iterable[Device], plan: Plan) -> None:
        self.plan = plan
        self.terminals: list[Terminal] = []
        for number, device in enumerate(devices):
            chance = random.Random(f"{plan.seed}-{number}")  # noqa: S311  a simulation
            fate = mishaps.draw(chance, plan.faults)
            self.terminals.append(Terminal(device, Drive(chance), chance, fate))

    @property
    def connected(self) -> int:
        """How many terminals are online."""
        return sum(terminal.device.is_connected for terminal in self.terminals)

    @property
    def waiting(self) -> int:
        """Fixes nobody has receipted yet."""
        return sum(terminal.device.waiting for terminal in self.terminals)

    async def open_all(self) -> None:
        """Bring every terminal online, so many at once that a broker takes them."""
        gate = asyncio.Semaphore(OPENING_AT_ONCE)

        async def come(terminal: Terminal) -> None:
            async with gate:
                while not terminal.device.is_connected:
                    try:
                        await terminal.device.open()
                    except LOST:
                        await asyncio.sleep(RETRY_S * terminal.chance.random())

        await asyncio.gather(*map(come, self.terminals))

    async def drive(self, stop: asyncio.Event) -> None:
        """Let all drive and report for the planned time, or until ``stop``; then send what is left."""
        end = asyncio.get_running_loop().time() + self.plan.seconds
        await asyncio.gather(*(self._drive(terminal, end, stop) for terminal in self.terminals))

    async def settle(self) -> None:
        """Send again until everything is receipted or the time for it is over."""
        await asyncio.gather(*(self._settle(terminal) for terminal in self.terminals))

    async def close(self) -> None:
        """Disconnect every terminal."""
        await asyncio.gather(*(terminal.device.close() for terminal in self.terminals))

    async def _drive(self, terminal: Terminal, end: float, stop: asyncio.Event) -> None:
        period, clock = self.plan.period_s, asyncio.get_running_loop().time
        due = clock() + terminal.chance.uniform(0, period)
        while due < end and not stop.is_set():
            await _until(due, stop)
            if stop.is_set():
                return
            terminal.befall()
            terminal.measure(period)
            terminal.report()
            due += period

    async def _settle(self, terminal: Terminal) -> None:
        if terminal.sending is not None:
            await terminal.sending
        await settle(terminal.device, self.plan.settle_s)


async def settle(device: Device, seconds: float) -> None:
    """Let a device send until all it keeps is receipted, at most so long."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while device.waiting and clock() < end:
        with contextlib.suppress(*LOST):
            await device.publish()
        await asyncio.sleep(RETRY_S / 2)


async def _until(at: float, stop: asyncio.Event) -> None:
    left = at - asyncio.get_running_loop().time()
    if left > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)
