"""Receipts: the sequence numbers of a terminal that the platform has finished with (design.md, Contracts)."""

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

Counters = tuple[int | None, int | None]
"""Boot and seq of a position as its terminal sent them; one without seq has no receipt."""


def to_ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Give closed ranges [from, to], ascending, that hold exactly ``numbers``."""
    different = set(numbers)
    if not different:
        return []
    first, last = min(different), max(different)
    if last - first == len(different) - 1:  # the common case, without a step for each
        return [[first, last]]
    ranges: list[list[int]] = []
    for number in sorted(different):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def receipt(boot: int | None, numbers: Iterable[int]) -> bytes:
    """Give the payload of one receipt."""
    return msgspec.json.encode({"boot": boot, "ranges": to_ranges(numbers)})


class PendingReceipts:
    """Numbers finished and not yet receipted: one receipt per terminal and period, or per ``burst``."""

    def __init__(self, period_s: float, burst: int) -> None:
        self._period_s, self._burst = period_s, burst
        self._pending: OrderedDict[str, tuple[float, list[int | None], list[int]]] = OrderedDict()
        self._full: list[str] = []

    def add(self, terminals: Iterable[str], finished: Iterable[Counters], now: float) -> None:
        """Note what a committed batch finished: of each position its terminal, boot and seq."""
        pending, burst = self._pending, self._burst
        for terminal, (boot, number) in zip(terminals, finished, strict=True):
            if number is None:
                continue
            entry = pending.get(terminal)
            if entry is None:
                entry = pending[terminal] = (now, [], [])
            entry[1].append(boot)
            entry[2].append(number)
            if len(entry[1]) == burst:
                self._full.append(terminal)

    def take_due(self, now: float) -> list[tuple[str, bytes]]:
        """Remove and give (terminal, payload) of every receipt that is due; boots are receipted apart."""
        due = self._full
        self._full = []
        for terminal, (since, *_) in self._pending.items():
            if now - since < self._period_s:
                break
            due.append(terminal)
        out: list[tuple[str, bytes]] = []
        for terminal in dict.fromkeys(due):
            boots, numbers = self._pending.pop(terminal)[1:]
            if boots.count(boots[0]) == len(boots):
                out.append((terminal, receipt(boots[0], numbers)))
                continue
            by_boot: dict[int | None, list[int]] = {}
            for boot, number in zip(boots, numbers, strict=True):
                by_boot.setdefault(boot, []).append(number)
            out += [(terminal, receipt(boot, some)) for boot, some in by_boot.items()]
        return out
