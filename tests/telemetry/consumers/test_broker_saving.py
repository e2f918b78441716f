"""The broker is let save at a pace it can bear, and nothing but a broker is ever signalled."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.telemetry.consumers.broker_saving import save_paced, signal_broker
from services.telemetry.settings import BrokerAgentSettings
from tests.support.broker import RunningBroker, broker  # noqa: F401  a fixture
from tests.support.waiting import eventually, until

SAVE_S = 0.4


def settings(tmp_path: Path, **given: Any) -> BrokerAgentSettings:
    files = {f"broker_{name}_file": tmp_path / name for name in ("password", "acl", "pid", "database")}
    return BrokerAgentSettings(
        database_url="postgresql://nobody@127.0.0.1:1/nothing", service_key="{}", service_keys_file=tmp_path,
        port=1, broker_passwords="", **{**files, **given},
    )  # fmt: skip


def start_broker(tmp_path: Path, save_s: float) -> "subprocess.Popen[bytes]":
    """A program called mosquitto that takes so long over each save; ready when this returns."""
    program, ready = tmp_path / "mosquitto", tmp_path / "ready"
    ready.unlink(missing_ok=True)
    program.write_text(
        f"#!/bin/sh\ntrap 'echo asked >> {tmp_path}/asks; sleep {save_s}; touch {tmp_path}/database' USR1\n"
        f"touch {ready}\nwhile :; do sleep 0.02; done\n"
    )
    program.chmod(0o755)
    process = subprocess.Popen([str(program)], start_new_session=True)
    (tmp_path / "pid").write_text(f"{process.pid}\n")
    until(ready.exists)
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def asks(tmp_path: Path) -> int:
    found = tmp_path / "asks"
    return found.read_text().count("asked") if found.exists() else 0


async def asked(tmp_path: Path, times: int) -> None:
    """Wait until the broker was asked so often."""

    async def is_so() -> bool:
        return asks(tmp_path) >= times

    await eventually(is_so, 5.0)


async def run_for(given: BrokerAgentSettings, seconds: float) -> None:
    stop = asyncio.Event()
    saving = asyncio.create_task(save_paced(given, stop))
    await asyncio.sleep(seconds)
    stop.set()
    await saving


async def test_a_slow_save_is_asked_for_seldom(tmp_path: Path) -> None:
    slow = start_broker(tmp_path, SAVE_S)
    try:
        await run_for(settings(tmp_path, save_period_s=0.1), 6.0)
    finally:
        end(slow)
    # Each is followed by a pause of nine times its length; unpaced there would be fifteen.
    assert 1 <= asks(tmp_path) <= 6.0 / (10 * SAVE_S) + 1


async def test_a_broker_that_dies_over_a_save_is_asked_again_once_it_is_back(tmp_path: Path) -> None:
    stop = asyncio.Event()
    broken = start_broker(tmp_path, 60.0)
    saving = asyncio.create_task(save_paced(settings(tmp_path, save_period_s=0.1), stop))
    try:
        await asked(tmp_path, 1)
    finally:
        end(broken)
    mended = start_broker(tmp_path, 0.0)
    try:
        await asked(tmp_path, 4)
    finally:
        stop.set()
        await saving
        end(mended)
    assert asks(tmp_path) >= 4, "once by the broken one, the others by the mended one"


async def test_a_quick_save_is_asked_for_every_period(
    tmp_path: Path,
    broker: RunningBroker,  # noqa: F811
) -> None:
    given = settings(
        tmp_path, save_period_s=0.3, broker_pid_file=broker.pid_file,
        broker_database_file=broker.files.database,
    )  # fmt: skip
    written: set[int] = set()

    async def look() -> None:
        while True:
            if broker.files.database.exists():
                written.add(broker.files.database.stat().st_mtime_ns)
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    await run_for(given, 3.0)
    looking.cancel()
    assert 4 <= len(written) <= 11
    assert broker.process is not None
    assert broker.process.poll() is None


def test_nothing_but_a_broker_is_signalled(tmp_path: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "pid").write_text(f"{bystander.pid}\n")
        assert not signal_broker(tmp_path / "pid", signal.SIGUSR1)
        with pytest.raises(subprocess.TimeoutExpired):
            bystander.wait(0.3)
    finally:
        bystander.kill()
        bystander.wait()
    assert not signal_broker(tmp_path / "pid", signal.SIGUSR1)
    assert not signal_broker(tmp_path / "missing", signal.SIGUSR1)
    (tmp_path / "pid").write_text("")
    assert not signal_broker(tmp_path / "pid", signal.SIGUSR1)
