"""What the tests of kills share: a cluster that may be stopped, a process that is started again."""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.cluster import PROJECT, ROLES, Cluster, migrate
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory


@dataclass
class Member:
    """A process of a service that is started again whenever it ends, as the supervisor does."""

    module: str
    environment: dict[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it."""
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=self.environment,
                cwd=PROJECT,
                stdout=sink,
                stderr=sink,
            )

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        """SIGTERM, and SIGKILL where that does not help."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def stoppable_cluster(*services: str) -> Iterator[tuple[Cluster, dict[str, str]]]:
    """A cluster of its own with the schemas of these services; gives its URLs by role beside it."""
    with scratch_directory() as directory:
        found = Cluster(directory / "postgres", unused_port(), secrets.token_hex(8))
        found.create()
        found.start()
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        found.create_database("faults", passwords)
        urls = found.urls("faults", passwords)
        migrate(urls, list(services))
        try:
            yield found, urls
        finally:
            found.remove()


def member_environment(values: dict[str, Any], directory: Path, **more: str) -> dict[str, str]:
    """The environment of a process of telemetry; its secrets go into files below the directory."""
    private = directory / "secrets"
    private.mkdir()
    (private / "telemetry_database_url").write_text(values["database_url"])
    (private / "telemetry_service_key").write_text(values["service_key"])
    return {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "FREIGHT_SECRETS_DIR": str(private),
        "TELEMETRY_SERVICE_KEYS_FILE": str(values["service_keys_file"]),
        "TELEMETRY_PORT": str(unused_port()), **more,
    }  # fmt: skip


async def kill_at_random(cluster: Cluster, member: Member, kills: int, stops: int) -> None:
    """Kills of the process and immediate stops of PostgreSQL, in random order, about a second apart."""
    faults = ["member"] * kills + ["database"] * stops
    random.shuffle(faults)
    for fault in faults:
        await asyncio.sleep(random.uniform(0.8, 1.6))
        if fault == "member":
            await asyncio.to_thread(member.kill)
            member.start()
        else:
            await asyncio.to_thread(cluster.stop, "immediate")
            await asyncio.to_thread(cluster.start)
