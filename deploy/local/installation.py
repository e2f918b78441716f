"""One installation as the commands see it: its places, its port base, its programs and their health."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.local import choices, identity, packages, places, processes
from deploy.local.cluster import Cluster, binaries
from deploy.local.progress import DeployError, step
from deploy.local.supervision import Program, Supervision

HOST = "127.0.0.1"
HEALTH_TIMEOUT_SECONDS = 2.0
SLOW_START_SECONDS = 90.0
PROGRESS_SECONDS = 3.0
LOOK_AGAIN_SECONDS = 0.25
"""Not shorter: what starts needs the processor more than who waits."""


@dataclass(frozen=True)
class Installation:
    """Everything a command needs to know."""

    place: places.Places
    port_base: int
    demo: bool

    @property
    def address(self) -> str:
        """The one public address."""
        return f"http://{HOST}:{self.port_base + processes.EDGE}"

    @property
    def supervision(self) -> Supervision:
        """Its supervisord."""
        return Supervision(self.place.run, self.place.python, self.place.source)

    def port(self, offset: int) -> int:
        """A port of this installation."""
        return self.port_base + offset

    def cluster(self, superuser_password: str) -> Cluster:
        """Its PostgreSQL cluster."""
        return Cluster(self.place.run / "postgres", self.port(processes.POSTGRES), superuser_password)

    def programs(self) -> list[Program]:
        """What supervisord is told, from the process table."""
        return [self._program(process) for process in processes.selected(demo=self.demo)]

    def environment(self, process: processes.Process) -> dict[str, str]:
        """The environment of one process; nothing in it is secret."""
        return processes.settings_environment(
            process, port_base=self.port_base, run=str(self.place.run), demo=self.demo
        )

    def command(self, process: processes.Process) -> tuple[str, ...]:
        """One process's command with its placeholders filled in."""
        words = {
            "{python}": str(self.place.python),
            "{postgres}": str(binaries() / "postgres"),
            "{mosquitto}": packages.find_program("mosquitto") or "mosquitto",
            "{nginx}": packages.find_program("nginx") or "nginx",
            "{host}": HOST,
            f"{{port:{process.port}}}": str(self.port(process.port or 0)),
        }
        filled = (words.get(word, word) for word in process.command)
        return tuple(word.replace("{run}", str(self.place.run)) for word in filled)

    def _program(self, process: processes.Process) -> Program:
        return Program(
            process.name,
            self.command(process),
            self.environment(process),
            process.stop_signal,
            process.stop_seconds,
            process.stage,
        )


def load() -> Installation:
    """The installation as asked for: `PORT_BASE` and `DEMO` from the environment, else as last time.

    Raises:
        DeployError: `PORT_BASE` is no port.
    """
    place = places.find()
    return Installation(place, choices.port_base(place.run), choices.demo(place.run))


def health(installation: Installation, process: processes.Process) -> str | None:
    """None when the process can take work, else what is wrong."""
    port = installation.port(process.port or 0)
    if process.health == "http":
        return _http_health(f"http://{HOST}:{port}{process.health_path}")
    if process.health == "postgres":
        return _postgres_health(port)
    if process.health == "mqtt":
        return _tcp_health(port)
    return None


def _http_health(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT_SECONDS):  # noqa: S310 - http on loopback
            return None
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(300).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return f"does not answer ({error})"


def _tcp_health(port: int) -> str | None:
    try:
        with socket.create_connection((HOST, port), HEALTH_TIMEOUT_SECONDS):
            return None
    except OSError as error:
        return f"does not answer ({error})"


def _postgres_health(port: int) -> str | None:
    """An SSL request gets one byte from a PostgreSQL that takes connections."""
    try:
        with socket.create_connection((HOST, port), HEALTH_TIMEOUT_SECONDS) as connection:
            connection.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
            return None if connection.recv(1) in {b"S", b"N"} else "is starting"
    except OSError as error:
        return f"does not answer ({error})"


def await_health(
    installation: Installation, wanted: Iterable[processes.Process], patience: float = SLOW_START_SECONDS
) -> None:
    """Waits until all are healthy, saying now and then who is not yet.

    Raises:
        DeployError: time ran out; the text names each, its state and its log.
    """
    waiting = {process.name: process for process in wanted}
    began = said = time.monotonic()
    reasons: dict[str, str] = {}
    while waiting:
        reasons = {name: why for name, process in waiting.items() if (why := health(installation, process))}
        waiting = {name: waiting[name] for name in reasons}
        now = time.monotonic()
        if waiting and now - began > patience:
            lines = [
                f"{name}: {why} (log {installation.place.logs / name}.log)" for name, why in reasons.items()
            ]
            raise DeployError("not healthy in time:\n  " + "\n  ".join(lines))
        if waiting and now - said > PROGRESS_SECONDS:
            said = now
            step(f"waiting for {', '.join(waiting)}")
        if waiting:
            identity.pause(LOOK_AGAIN_SECONDS)
