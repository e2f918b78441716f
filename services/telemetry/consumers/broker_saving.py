"""Letting the broker save its queues at a pace it can bear.

Mosquitto writes its whole database each time, in its one thread, while no terminal is answered. With a fixed
interval of a second a backlog of a million messages leaves it no time for anything else. So it is asked to
save (SIGUSR1) once a second, and seldomer when a save takes long: a tenth of its time at most. Should the
agent be away, the broker's own long interval remains.
"""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from services.shared.logs import get_log
from services.telemetry.settings import BrokerAgentSettings

PROGRAM = "mosquitto"
SHARE = 10
POLL_S = 0.01
PATIENCE_S = 30.0
SLOW_S = 1.0

log = get_log(__name__)


async def save_paced(settings: BrokerAgentSettings, stop: asyncio.Event) -> None:
    """Ask for a save, wait until it is written, pause so many times as long; until ``stop``."""
    while not stop.is_set():
        took = await _save(settings, stop)
        if took > SLOW_S:
            log.warning("broker_save_slow", seconds=round(took, 1))
        await _wait(stop, max(settings.save_period_s - took, (SHARE - 1) * took))


async def _save(settings: BrokerAgentSettings, stop: asyncio.Event) -> float:
    """Ask, and wait until the database has been replaced; how many seconds that took.

    A broker that ends meanwhile or cannot write was not held up (0.0): it is asked again after a period.
    """
    clock = asyncio.get_running_loop().time
    before, began = _written(settings), clock()
    asked = signal_broker(settings.broker_pid_file, signal.SIGUSR1)
    while _written(settings) == before:
        if asked is None or stop.is_set() or find_broker(settings.broker_pid_file) != asked:
            return 0.0
        if clock() - began > PATIENCE_S:
            log.warning("broker_not_saved", seconds=PATIENCE_S)
            return 0.0
        await _wait(stop, POLL_S)
    return clock() - began


def signal_broker(pid_file: Path, number: signal.Signals) -> int | None:
    """Signal the broker; its pid, or None when it does not run."""
    pid = find_broker(pid_file)
    if pid is not None:
        try:
            os.kill(pid, number)
        except OSError:
            return None
    return pid


def find_broker(pid_file: Path) -> int | None:
    """The pid of the running broker.

    Nothing but a mosquitto is meant: a pid that was left behind may be another process's by now.
    """
    try:
        pid = int(pid_file.read_text(encoding="ascii").split()[0])
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, IndexError, ValueError):
        return None
    return pid if name == PROGRAM else None


def _written(settings: BrokerAgentSettings) -> int | None:
    try:
        return settings.broker_database_file.stat().st_mtime_ns
    except OSError:
        return None


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
