"""supervisord: its configuration from the process table, its start and stop, and how to ask it things."""

import contextlib
import hashlib
import os
import subprocess
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.local import identity
from deploy.local.choices import SUPERVISOR
from deploy.local.progress import DeployError

LONGEST_SOCKET_PATH = 100
STOP_PATIENCE_SECONDS = 60.0
STOP_LOOK_SECONDS = 0.1
NO_WAIT = False
STOPPED = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})


@dataclass(frozen=True)
class Program:
    """One supervised command, all placeholders filled in."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    priority: int = 1


@dataclass(frozen=True)
class Supervision:
    """One supervisord and its programs."""

    run: Path
    python: Path
    source: Path

    @property
    def pids(self) -> Path:
        """Where processes are recorded."""
        return self.run / "pids"

    @property
    def config(self) -> Path:
        """The rendered configuration."""
        return self.run / "supervisor" / "supervisord.conf"

    @property
    def socket(self) -> Path:
        """The control socket; a deep checkout gets a short place, because socket paths end at 107 bytes."""
        here = self.run / "supervisor" / "control.sock"
        if len(bytes(here)) <= LONGEST_SOCKET_PATH:
            return here
        digest = hashlib.sha256(bytes(self.run)).hexdigest()[:12]
        return Path("/tmp") / f"cityfreight-{os.geteuid()}-{digest}" / "control.sock"  # noqa: S108 - made 0700

    def render(self, programs: Iterable[Program]) -> str:
        """The configuration file's text. Programs are started by `start`, in the caller's order."""
        socket, directory = self.socket, self.config.parent
        head = f"""[unix_http_server]
file={socket}
chmod=0700

[supervisord]
logfile={self.run}/logs/supervisord.log
logfile_maxbytes=10MB
logfile_backups=2
pidfile={directory}/supervisord.pid
childlogdir={directory}
minfds=1024
nocleanup=true

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:pacing]
supervisor.rpcinterface_factory=deploy.local.pacing:make
pids={self.pids}
"""
        return "\n".join([head, *(self._section(program) for program in programs)])

    def _section(self, program: Program) -> str:
        command = (
            str(self.python),
            "-m",
            "deploy.local.runner",
            str(self.pids),
            program.name,
            *program.command,
        )
        variables = ",".join(
            f'{name}="{_escape(value)}"' for name, value in sorted(program.environment.items())
        )
        lines = [
            f"[program:{program.name}]",
            f"command={' '.join(_quote(word) for word in command)}",
            f"environment={variables}",
            f"directory={_escape(str(self.source))}",
            f"priority={program.priority}",
            "autostart=false",
            "autorestart=true",
            "startsecs=0",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={_escape(str(self.run / 'logs' / (program.name + '.log')))}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]
        return "\n".join(lines) + "\n"

    def launch(self, programs: Iterable[Program]) -> None:
        """Writes the configuration and starts supervisord (which goes to the background); ends orphans first.

        Raises:
            DeployError: it did not come up.
        """
        for directory in (self.config.parent, self.pids, self.run / "logs"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        identity.end(self.pids, SUPERVISOR)
        identity.end_all(self.pids)
        self.config.write_text(self.render(programs))
        for stale in self.pids.glob("*.wait"):
            stale.unlink()
        command = [str(self.python), "-m", "supervisor.supervisord", "-c", str(self.config)]
        done = subprocess.run(command, cwd=self.source, capture_output=True, text=True, check=False)
        pid = self._await_pid(time.monotonic() + 10.0) if done.returncode == 0 else None
        if pid is None:
            raise DeployError(f"supervisord did not start: {done.stderr.strip() or done.stdout.strip()}")
        identity.record(self.pids, SUPERVISOR, pid)

    def _await_pid(self, deadline: float) -> int | None:
        while time.monotonic() < deadline:
            found = self.pid()
            if found is not None:
                return found
            identity.pause()
        return None

    def pid(self) -> int | None:
        """Pid of the supervisord that answers on the control socket, or None."""
        try:
            return int(self.ask("getPID"))
        except (OSError, xmlrpc.client.Error, ValueError):
            return None

    def ask(self, method: str, *arguments: Any) -> Any:
        """Calls supervisord's XML-RPC interface.

        Raises:
            OSError: nobody answers on the control socket.
            xmlrpc.client.Fault: supervisord refused.
        """
        transport = SupervisorTransport(None, None, f"unix://{self.socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def states(self) -> dict[str, dict[str, Any]]:
        """What supervisor knows of each program by name: `statename`, `pid`, `start`, `description`."""
        return {str(info["name"]): dict(info) for info in self.ask("getAllProcessInfo")}

    def start(self, name: str) -> None:
        """Starts a program that is not running; does not wait for its health."""
        if self.states()[name]["statename"] not in {"RUNNING", "STARTING"}:
            self.ask("startProcess", name, NO_WAIT)

    def restart(self, name: str) -> None:
        """Ends a program and starts it again; does not wait for its health."""
        if self.states()[name]["statename"] not in STOPPED:
            self.ask("stopProcess", name)
        self.start(name)

    def shut_down(self) -> None:
        """Ends every program and supervisord itself, then whatever recorded process is left."""
        known = identity.recorded(self.pids, SUPERVISOR)
        if self.pid() is not None:
            deadline = time.monotonic() + STOP_PATIENCE_SECONDS
            self._stop_in_stages(deadline)
            self.ask("shutdown")
            while self.pid() is not None or (known and identity.survivors(known)):
                if time.monotonic() > deadline:
                    break
                identity.pause()
        identity.end(self.pids, SUPERVISOR)
        identity.end_all(self.pids)
        for path in [*self.pids.glob("*"), self.socket]:
            path.unlink(missing_ok=True)

    def _stop_in_stages(self, deadline: float) -> None:
        """Last stage first, all of one stage at once: supervisor alone would end one after the other."""
        stages: dict[int, list[str]] = {}
        for program in self.ask("getAllConfigInfo"):
            stages.setdefault(int(program["process_prio"]), []).append(str(program["name"]))
        for _, names in sorted(stages.items(), reverse=True):
            for name in names:
                with contextlib.suppress(xmlrpc.client.Fault):
                    self.ask("stopProcess", name, NO_WAIT)
            while time.monotonic() < deadline:
                states = self.states()
                if all(states[name]["statename"] in STOPPED for name in names):
                    break
                identity.pause(STOP_LOOK_SECONDS)


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(word: str) -> str:
    safe = _escape(word)
    return f'"{safe}"' if " " in safe or ";" in safe else safe
