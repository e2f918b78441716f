"""Putting sub-packaged messages together (domain.md section 2.4, Header), bounded in number, bytes and time.

The packages of one message should have consecutive serials. Some devices count other messages in between,
and some send a package again under a new serial; so a package also belongs to an open set that lacks it when
its serial stands between those of its neighbours, or when the platform has asked for it.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.telemetry.domain.jt808.frames import Frame, Malformed

SERIALS: Final = 1 << 16
NEAR: Final = 256
"""How far apart the serials of one message's packages may be."""


class Missing(NamedTuple):
    """Packages to ask for again; ``first_serial`` names the message."""

    frame: Frame
    first_serial: int
    indexes: list[int]


@dataclass(slots=True)
class Bounds:
    """What one terminal may have open."""

    sets: int = 4
    packages: int = 256
    size: int = 1 << 18
    patience_s: float = 5.0
    """A set that nothing was added to for so long is asked for, then given up."""
    requests: int = 3


@dataclass(slots=True)
class _Set:
    first_serial: int
    touched: float
    packages: dict[int, Frame] = field(default_factory=dict)
    asked: frozenset[int] = frozenset()
    requests: int = 0

    def takes(self, frame: Frame) -> bool:
        """Whether a package that the serial alone does not place belongs here."""
        if frame.number in self.packages:
            return False
        if frame.number in self.asked:
            return True
        return all(
            0 < (other.serial - frame.serial) * (1 if index > frame.number else -1) % SERIALS < NEAR
            for index, other in self.packages.items()
        )

    def missing(self, total: int) -> list[int]:
        return [index for index in range(1, total + 1) if index not in self.packages]


class Assembler:
    """The open sets of one terminal."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._open: dict[tuple[int, int], list[_Set]] = {}
        self.size = 0
        """Bytes held."""

    def add(self, frame: Frame, now: float) -> list[Frame] | Missing | Malformed | None:
        """Take one package; give all packages of its message in order when it was the last one missing.

        A package that is there already gives what is missing: its sender waits for an answer.
        """
        bounds = self._bounds
        if not 1 <= frame.number <= frame.total or frame.total > bounds.packages:
            return Malformed("package_index", f"{frame.number} of {frame.total}")
        found = self._place(frame, now)
        found.touched = now
        if frame.number in found.packages:
            return Missing(frame, found.first_serial, found.missing(frame.total))
        found.packages[frame.number] = frame
        self.size += len(frame.body)
        if len(found.packages) == frame.total:
            self._drop((frame.msg_id, frame.total), found)
            return [found.packages[index] for index in range(1, frame.total + 1)]
        while self.size > bounds.size or sum(map(len, self._open.values())) > bounds.sets:
            self._drop_oldest()
        return None

    def overdue(self, now: float) -> list[Missing]:
        """Give what to ask for again; a set asked for often enough in vain is dropped."""
        due: list[Missing] = []
        for key, found in [(key, each) for key, sets in self._open.items() for each in sets]:
            if now - found.touched < self._bounds.patience_s:
                continue
            if found.requests >= self._bounds.requests:
                self._drop(key, found)
                continue
            found.requests += 1
            found.touched = now
            indexes = found.missing(key[1])
            found.asked = frozenset(indexes)
            due.append(Missing(next(iter(found.packages.values())), found.first_serial, indexes))
        return due

    def _place(self, frame: Frame, now: float) -> _Set:
        sets = self._open.setdefault((frame.msg_id, frame.total), [])
        first_serial = (frame.serial - frame.number + 1) % SERIALS
        for found in sets:
            here = found.packages.get(frame.number)
            if here == frame or (here is None and found.first_serial == first_serial):
                return found
        for found in reversed(sets):
            if found.takes(frame):
                return found
        sets.append(_Set(first_serial, now))
        return sets[-1]

    def _drop(self, key: tuple[int, int], found: _Set) -> None:
        self.size -= sum(len(frame.body) for frame in found.packages.values())
        self._open[key].remove(found)
        if not self._open[key]:
            del self._open[key]

    def _drop_oldest(self) -> None:
        key, found = min(
            ((key, each) for key, sets in self._open.items() for each in sets),
            key=lambda pair: pair[1].touched,
        )
        self._drop(key, found)


def join(packages: list[Frame]) -> Frame:
    """Give the whole message of all its packages in order, under the first one's serial."""
    return packages[0]._replace(total=0, number=0, body=b"".join(frame.body for frame in packages))
