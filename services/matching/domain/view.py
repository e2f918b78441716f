"""A fleet with what it rests on, as one answer uses it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.matching.domain.fleet import Fleet
from services.matching.domain.limits import Limits


@dataclass(frozen=True, slots=True)
class FleetView:
    """The fleet at one instant and what it rests on.

    Attributes:
        fleet: Frozen.
        positions: Position of each source's feed.
        polled_at: When telemetry was last read.
        limits: Of a match.
    """

    fleet: Fleet
    positions: Mapping[str, int]
    polled_at: datetime | None
    limits: Limits
