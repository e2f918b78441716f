"""Receipts: the sequence numbers of a terminal that the platform has finished with (design.md, Contracts)."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

Counter: TypeAlias = int | None
"""Boot or seq of a position as its terminal sent them; one without seq has no receipt."""


class Finished:
    """What a commit finishes: runs of positions of one terminal each, and of every position boot and seq."""

    __slots__ = ("_boots", "_counts", "_seqs", "_terminals")

    def __init__(self) -> None:
        self._terminals: list[str] = []
        self._counts: list[int] = []
        self._boots: list[Counter] = []
        self._seqs: list[Counter] = []

    def add(self, terminal: str, boot: Counter, seq: Counter) -> None:
        """Note one position."""
        self.extend([terminal], [1], [boot], [seq])

    def extend(
        self,
        terminals: Iterable[str],
        counts: Iterable[int],
        boots: Iterable[Counter],
        seqs: Iterable[Counter],
    ) -> None:
        """Note runs: of each its terminal and length, of each position its counters."""
        self._terminals.extend(terminals)
        self._counts.extend(counts)
        self._boots.extend(boots)
        self._seqs.extend(seqs)

    def runs(self) -> Iterator[tuple[str, Sequence[Counter], Sequence[int]]]:
        """Give terminal, boots and seqs of each run, without the positions that have no seq."""
        boots, seqs, at = self._boots, self._seqs, 0
        gaps = None in seqs
        for terminal, count in zip(self._terminals, self._counts, strict=True):
            some, numbers = boots[at : at + count], seqs[at : at + count]
            at += count
            if gaps:
                some = [boot for boot, seq in zip(some, numbers, strict=True) if seq is not None]
                numbers = [seq for seq in numbers if seq is not None]
            if numbers:
                yield terminal, some, numbers  # type: ignore[misc]  # no None is left


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


RANGES_MOST: Final = 1000
"""In one receipt, which then stays below the 64 KiB of a packet whatever the numbers are."""


def receipts(boot: Counter, numbers: Iterable[int]) -> list[bytes]:
    """Give the payloads of the receipts of a boot's numbers, mostly one."""
    ranges = to_ranges(numbers)
    return [
        msgspec.json.encode({"boot": boot, "ranges": ranges[at : at + RANGES_MOST]})
        for at in range(0, len(ranges), RANGES_MOST)
    ]


class PendingReceipts:
    """Numbers finished and not yet receipted: one receipt per terminal and period, or per ``burst``."""

    def __init__(self, period_s: float, burst: int) -> None:
        self._period_s, self._burst = period_s, burst
        self._pending: OrderedDict[str, tuple[float, list[Counter], list[int]]] = OrderedDict()
        self._full: list[str] = []

    def add(self, finished: Finished, now: float) -> None:
        """Note what a committed batch finished."""
        pending, burst = self._pending, self._burst
        for terminal, boots, numbers in finished.runs():
            entry = pending.get(terminal)
            if entry is None:
                entry = pending[terminal] = (now, [], [])
            entry[1].extend(boots)
            entry[2].extend(numbers)
            if len(entry[1]) >= burst > len(entry[1]) - len(boots):
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
                out += [(terminal, payload) for payload in receipts(boots[0], numbers)]
                continue
            by_boot: dict[Counter, list[int]] = {}
            for boot, number in zip(boots, numbers, strict=True):
                by_boot.setdefault(boot, []).append(number)
            out += [(terminal, payload) for boot, some in by_boot.items() for payload in receipts(boot, some)]
        return out
