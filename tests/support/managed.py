"""A process of a fault run: on a port of its own, proved to be the one that answers, ended by its pid."""

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.cluster import PROJECT
from tests.support.ports import holder_of, unused_port
from tests.support.waiting import until

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Managed:
    """One process that may be killed and started again, as the supervisor does."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    port: int = field(default_factory=unused_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; it may not be ready yet."""
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                self.command, env=self.environment, cwd=PROJECT, stdout=sink, stderr=sink
            )

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until the process itself, nobody else on its port, says that it is ready.

        Raises:
            AssertionError: Not within the time, or another process has the port.
        """
        until(self._is_ready, seconds)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"ended: {self.tail()}"
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310  our own loopback
                ready: bool = answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
        holder = holder_of(self.port)
        assert holder is not None
        assert holder.pid == self.process.pid, f"{holder}, not by {self.process.pid}"
        return ready

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def end(self) -> None:
        """SIGTERM, then SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def cpu_seconds(self) -> float:
        """Processor time it has used."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Memory it holds."""
        assert self.process is not None
        return resident_bytes(self.process.pid)

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels; 0 before the first."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:  # noqa: S310  our own loopback
            lines = answer.read().decode().splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))
        )


def resident_bytes(pid: int) -> int:
    """Memory a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


class Usage:
    """Share of a core a process uses, from making to asking."""

    def __init__(self, process: Managed) -> None:
        self._process = process
        self._cpu, self._at = process.cpu_seconds(), time.monotonic()

    def share(self) -> float:
        """Processor seconds a second since it was made."""
        return (self._process.cpu_seconds() - self._cpu) / (time.monotonic() - self._at)
