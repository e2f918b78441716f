"""Processor time of processes, children included, in seconds: it says more than a rate on a busy machine."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def spent(pid: int) -> float:
    """Give what a process, its threads and its children have used so far."""
    total = _of(pid)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            total += sum(_of(int(child)) for child in (task / "children").read_text().split())
    return total


def _of(pid: int) -> float:
    """What a process used, and those of its children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        running = [int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    except OSError:
        return 0.0
    return sum(running) / 1e9 + (int(fields[13]) + int(fields[14])) / _TICK


class Meter:
    """What named processes use from here on."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = {name: spent(pid) for name, pid in pids.items()}

    def per(self, count: int) -> dict[str, float]:
        """Give microseconds for each of so many messages or positions."""
        return {
            name: round((spent(pid) - self._before[name]) / count * 1e6, 2)
            for name, pid in self._pids.items()
        }
