"""`make up` for real, in a copy of the checkout: everything from the first start to `make down`."""

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from deploy.local import environment, identity, places, ports, processes, seed
from tests.support.scratch import scratch_directory
from tests.support.waiting import until

FIRST_START_SECONDS = 180
"""Generous: a test machine runs other tests beside."""
AGAIN_SECONDS = 5.0
BACK_SECONDS = 2.0
HEALTHY_SECONDS = 20.0


def _usable_venv() -> Path | None:
    account = places.choose_account()
    for venv in (places.CHECKOUT / ".venv", places.fallback_home() / "venv"):
        if (venv / environment.STAMP).exists() and environment.usable(venv, account):
            return venv
    return None


def _free_base() -> int:
    offsets = [process.port for process in processes.PROCESSES if process.port is not None]
    while True:
        base = random.randrange(30000, 32000)
        if not ports.holders({base + offset for offset in offsets}):
            return base


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout with its own ports."""

    root: Path
    base: int
    venv: Path

    def make(self, target: str, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """Runs one target."""
        env = {
            "PATH": os.environ["PATH"],
            "FREIGHT_VENV": str(self.venv),
            "PORT_BASE": str(self.base),
            "FORCE": "1",
        }
        return subprocess.run(
            ["make", target],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def known(self, name: str) -> identity.Identity:
        """The recorded process of that name."""
        found = identity.recorded(self.root / ".run" / "pids", name)
        assert found is not None, name
        return found


@pytest.fixture(scope="module")
def checkout() -> Iterator[Checkout]:
    venv = _usable_venv()
    if venv is None:
        pytest.skip("no stamped venv that the unprivileged account can run: `make up` makes one")
    with scratch_directory() as directory:
        directory.chmod(0o755)
        for name in (*places.SOURCE_ROOTS, "Makefile"):
            here = places.CHECKOUT / name
            if here.is_dir():
                shutil.copytree(here, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(here, directory / name)
        found = Checkout(directory, _free_base(), venv)
        first = found.make("up", FIRST_START_SECONDS)
        try:
            assert first.returncode == 0, first.stdout + first.stderr
            assert f"http://127.0.0.1:{found.base}" in first.stdout
            yield found
        finally:
            found.make("down")


@pytest.fixture(scope="module")
def admin(checkout: Checkout) -> Iterator[httpx.Client]:
    lines = (checkout.root / ".run" / "secrets" / "admin.txt").read_text().splitlines()
    credential = dict(line.split(": ", 1) for line in lines)
    with httpx.Client(base_url=f"http://127.0.0.1:{checkout.base}", timeout=20) as client:
        token = client.post("/v1/staff-sessions", json=credential).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_all_is_healthy_and_seeded_when_it_returns(checkout: Checkout, admin: httpx.Client) -> None:
    assert admin.get("/healthz").json()["status"] == "ok"
    profile = json.loads((places.CHECKOUT / "city/panjin/areas.geojson").read_text())["features"]
    assert len(list(seed.Api(admin).get_all("/v1/areas"))) == len(profile)
    vehicles = list(seed.Api(admin).get_all("/v1/vehicles"))
    assert len(vehicles) == 30
    assert all(vehicle["is_demo"] for vehicle in vehicles)
    assert checkout.make("status").returncode == 0


def test_the_demo_vans_are_seen_driving(checkout: Checkout, admin: httpx.Client) -> None:
    until(lambda: len(list(seed.Api(admin).get_all("/v1/latest-positions"))) == 30, 40)
    assert checkout.known("fleet")


def test_doctor_finds_nothing(checkout: Checkout) -> None:
    told = checkout.make("doctor")
    assert told.returncode == 0, told.stdout


def test_no_process_is_privileged_and_secrets_are_private(checkout: Checkout) -> None:
    for process in processes.PROCESSES:
        assert Path(f"/proc/{checkout.known(process.name).pid}").stat().st_uid != 0, process.name
    for path in (checkout.root / ".run" / "secrets").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_up_again_is_harmless_and_quick(checkout: Checkout) -> None:
    before = {process.name: checkout.known(process.name).pid for process in processes.PROCESSES}
    credential = (checkout.root / ".run" / "secrets" / "admin.txt").read_text()
    began = time.monotonic()
    again = checkout.make("up")
    assert again.returncode == 0
    assert "already up" in again.stdout
    assert time.monotonic() - began <= AGAIN_SECONDS
    assert {process.name: checkout.known(process.name).pid for process in processes.PROCESSES} == before
    assert (checkout.root / ".run" / "secrets" / "admin.txt").read_text() == credential


@pytest.mark.parametrize("name", ["edge", "broker", "registry-api", "telemetry-ingest", "postgres"])
def test_a_killed_process_is_back(checkout: Checkout, name: str, admin: httpx.Client) -> None:
    before = checkout.known(name)
    began = time.monotonic()
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: checkout.known(name).pid != before.pid, 10)
    assert time.monotonic() - began <= BACK_SECONDS
    until(lambda: checkout.make("status").returncode == 0, HEALTHY_SECONDS)
    assert admin.get("/v1/vehicles").status_code == 200


def test_a_second_checkout_on_the_same_ports_is_told_who_holds_them(checkout: Checkout) -> None:
    with scratch_directory() as directory:
        directory.chmod(0o755)
        for name in ("deploy", "requirements", "Makefile"):
            source = checkout.root / name
            shutil.copytree(source, directory / name) if source.is_dir() else shutil.copy2(source, directory)
        refused = Checkout(directory, checkout.base, checkout.venv).make("up")
    assert refused.returncode != 0
    assert f"port {checkout.base} is in use by process" in refused.stderr
    assert "nginx" in refused.stderr


def test_down_leaves_no_process(checkout: Checkout, admin: httpx.Client) -> None:
    everybody = [checkout.known(process.name) for process in processes.PROCESSES]
    supervisor = checkout.known("supervisord")
    admin.close()
    assert checkout.make("down").returncode == 0
    assert [known.pid for known in (*everybody, supervisor) if identity.survivors(known)] == []
    needed = {checkout.base + process.port for process in processes.PROCESSES if process.port is not None}
    assert ports.holders(needed) == []
    assert (
        str(checkout.root)
        not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    )
