"""A mosquitto of the test's own with the shipped configuration."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local import broker as shipped
from deploy.local import packages, places
from services.telemetry.domain.broker_files import platform_password_lines
from tests.support.ports import unused_port, wait_for_listener
from tests.support.scratch import scratch_directory

INGEST_PASSWORD = "ingest-password-of-the-tests"


@dataclass
class RunningBroker:
    """One broker process; it can be killed and started again on the same port and files."""

    files: shipped.BrokerFiles
    port: int
    ingest_password: str
    process: "subprocess.Popen[bytes] | None" = None
    host: str = "127.0.0.1"

    @property
    def platform_lines(self) -> list[str]:
        """Password lines of the ingest sessions, as the broker agent's secret holds them."""
        return platform_password_lines(self.ingest_password)

    @property
    def pid_file(self) -> Path:
        """Holds the pid alone, as the broker agent reads it."""
        return self.files.directory / "broker.pid"

    def start(self) -> None:
        """Starts the broker and waits until it listens."""
        program = packages.find_program("mosquitto")
        assert program is not None, "mosquitto is not installed: run `make test`, which installs it"
        account = places.choose_account()
        places.give(self.files.directory, account)
        log = self.files.directory / "broker.log"
        with log.open("ab") as sink:
            # As the runner does: a signal that comes before the broker has its handlers must not end it.
            guarded = [
                "sh",
                "-c",
                "trap '' HUP USR1; exec \"$@\"",
                "sh",
                program,
                "-c",
                str(self.files.config),
            ]
            self.process = subprocess.Popen(
                guarded,
                stdout=sink,
                stderr=sink,
                **places.as_account(account),
            )
        wait_for_listener(self.port, self.process.pid)
        self.pid_file.write_text(f"{self.process.pid}\n")

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def reload(self) -> None:
        """Makes it read its password and ACL files again."""
        assert self.process is not None
        places.give(self.files.directory, places.choose_account())
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """SIGTERM, waiting for the end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)


@contextlib.contextmanager
def running_broker(directory: Path) -> Iterator[RunningBroker]:
    """Runs a broker with only the platform's users in a directory of its own."""
    port = unused_port()
    lines = platform_password_lines(INGEST_PASSWORD)
    found = RunningBroker(
        shipped.configure(directory, port=port, platform_lines=lines), port, INGEST_PASSWORD
    )
    found.start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    """A broker for the tests of one module."""
    with scratch_directory() as directory, running_broker(directory / "broker") as found:
        yield found
