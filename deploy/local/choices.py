"""What the caller chose (`PORT_BASE`, `DEMO`), now or at the last `make up`. Standard library only."""

import os
from pathlib import Path

from deploy.local import identity, ports, processes
from deploy.local.progress import DeployError

LOWEST_PORT, HIGHEST_PORT = 1024, 65000
SUPERVISOR = "supervisord"


def port_base(run: Path) -> int:
    """The first port of the installation.

    Raises:
        DeployError: `PORT_BASE` is no port.
    """
    given = os.environ.get("PORT_BASE") or _remembered(run, "port_base") or str(processes.DEFAULT_PORT_BASE)
    if not given.isdigit() or not LOWEST_PORT <= int(given) <= HIGHEST_PORT:
        raise DeployError(f"PORT_BASE must be a number from {LOWEST_PORT} to {HIGHEST_PORT}, not {given!r}")
    return int(given)


def demo(run: Path) -> bool:
    """Whether the demo fleet belongs to the installation."""
    return (os.environ.get("DEMO") or _remembered(run, "demo") or "1") not in {"0", "no", "false"}


def remember(run: Path, base: int, *, with_demo: bool) -> None:
    """Keeps the choices for the next command."""
    (run / "port_base").write_text(f"{base}\n")
    (run / "demo").write_text("1\n" if with_demo else "0\n")


def _remembered(run: Path, name: str) -> str | None:
    try:
        return (run / name).read_text().strip()
    except OSError:
        return None


def free_the_ports(run: Path) -> None:
    """Before a start: ends recorded orphans, then names whoever else holds a port.

    Does nothing while the installation's own supervisord lives. Root calls this before it drops its rights:
    only root sees what processes of others are called.

    Raises:
        DeployError: a port is taken.
    """
    pids = run / "pids"
    supervisor = identity.recorded(pids, SUPERVISOR)
    if supervisor is not None and identity.survivors(supervisor):
        return
    identity.end_all(pids)
    base, with_demo = port_base(run), demo(run)
    taken = ports.holders(
        {base + port for process in processes.selected(demo=with_demo) for port in process.ports}
    )
    if taken:
        lines = "\n  ".join(str(holder) for holder in taken)
        raise DeployError(f"{lines}\nStop it, or choose other ports: make up PORT_BASE={base + 1000}")
