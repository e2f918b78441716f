"""The life of a facility: planned, built, operating, closed, each from a day on.

A step holds from the beginning of its day in the city's zone. A facility that is not closed can be, at any
stage; nothing goes back but by a correction of what was recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final


class FacilityStatus(StrEnum):
    """Stages of a facility."""

    PLANNED = "planned"
    BUILT = "built"
    OPERATING = "operating"
    CLOSED = "closed"


STATUS_NAMES: Final[dict[FacilityStatus, tuple[str, str]]] = {
    FacilityStatus.PLANNED: ("规划", "planned"),
    FacilityStatus.BUILT: ("建成", "built"),
    FacilityStatus.OPERATING: ("运营", "operating"),
    FacilityStatus.CLOSED: ("关闭", "closed"),
}
_BEFORE: Final = {
    FacilityStatus.BUILT: frozenset({FacilityStatus.PLANNED}),
    FacilityStatus.OPERATING: frozenset({FacilityStatus.BUILT}),
    FacilityStatus.CLOSED: frozenset(FacilityStatus) - {FacilityStatus.CLOSED},
}
_ORDER: Final = tuple(FacilityStatus)


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and the day it began."""

    status: FacilityStatus
    on: date


def may_follow(present: FacilityStatus, target: FacilityStatus) -> bool:
    """Tell whether a facility at `present` may go on to `target`."""
    return present in _BEFORE.get(target, frozenset())


def in_order(steps: Sequence[Step]) -> list[Step]:
    """Return steps by stage."""
    return sorted(steps, key=lambda step: _ORDER.index(step.status))


def is_whole(steps: Sequence[Step]) -> bool:
    """Tell whether steps, by stage, begin with the plan and each may follow the one before."""
    stages = [step.status for step in steps]
    begins = stages[:1] == [FacilityStatus.PLANNED]
    return begins and all(may_follow(before, after) for before, after in pairwise(stages))


def misdated(steps: Sequence[Step], today: date) -> Step | None:
    """Return the first step, by stage, that lies before its predecessor or in the future."""
    earliest = date.min
    for step in steps:
        if not earliest <= step.on <= today:
            return step
        earliest = step.on
    return None
