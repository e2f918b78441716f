"""Which process is ours: recorded pid, start time and boot; and how a recorded orphan is ended.

A pid alone says nothing after a crash: the number may have gone to somebody else.
Standard library only, and light: each supervised process passes through here before it starts.
"""

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.02
ZOMBIE = ("Z", "X")


@dataclass(frozen=True)
class Identity:
    """A process as /proc knows it."""

    pid: int
    group: int
    session: int
    started: int
    """Clock ticks since boot."""
    boot: str


def boot_id() -> str:
    """Changes with every boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> Identity | None:
    """The identity of a living process, or None (also for a zombie)."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()
    if fields[0] in ZOMBIE:
        return None
    return Identity(pid, int(fields[2]), int(fields[3]), int(fields[19]), boot_id())


def record(directory: Path, name: str, pid: int) -> None:
    """Writes `<name>.pid` (the number alone) and `<name>.json` (the identity)."""
    found = identify(pid)
    if found is None:
        return
    for suffix, text in (("json", json.dumps(asdict(found))), ("pid", f"{pid}\n")):
        fresh = directory / f".{name}.{suffix}"
        fresh.write_text(text)
        fresh.replace(directory / f"{name}.{suffix}")


def recorded(directory: Path, name: str) -> Identity | None:
    """What `record` wrote last, or None."""
    try:
        return Identity(**json.loads((directory / f"{name}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def survivors(known: Identity) -> list[int]:
    """Living processes of the recorded one: itself, and members of the group it led, in its session."""
    if known.boot != boot_id():
        return []
    leader = identify(known.pid)
    if leader is not None and leader.started != known.started:
        return []
    alive = []
    for entry in Path("/proc").glob("[0-9]*"):
        found = identify(int(entry.name))
        if found is None or found.pid == os.getpid():
            continue
        in_group = (
            found.group == known.pid and found.session == known.session and found.started >= known.started
        )
        if found.pid == known.pid or in_group:
            alive.append(found.pid)
    return alive


def end(directory: Path, name: str, patience: float = PATIENCE_SECONDS) -> list[int]:
    """Ends what is left of the process recorded under that name: TERM, then KILL; the pids ended."""
    known = recorded(directory, name)
    if known is None:
        return []
    ended = survivors(known)
    _signal(ended, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := survivors(known)) and time.monotonic() < deadline:
        pause()
    _signal(left, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while survivors(known) and time.monotonic() < deadline:
        pause()
    return ended


def end_all(directory: Path) -> dict[str, list[int]]:
    """Ends every recorded orphan of a run directory; what was ended, by name."""
    names = sorted(path.stem for path in directory.glob("*.json"))
    return {name: ended for name in names if (ended := end(directory, name))}


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def pause(seconds: float = POLL_SECONDS) -> None:
    """Wait a little between two looks."""
    signal.sigtimedwait([], seconds)
