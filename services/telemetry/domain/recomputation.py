"""Recomputing a vehicle's conclusions from a checkpoint on, and what that changes of the stored ones.

The derivation itself is `walking.py`; here its state is kept at full hours, so that a late fix costs the
hours after it and not the whole track, and the walk ends where the state is again the one stored
(`design.md`, Visits). Sums of a trip and of a day are part of the state: a late fix is felt until both are
over.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

import numpy as np

from services.telemetry.domain.crossings import NEVER_MS, AreaIndex
from services.telemetry.domain.jumps import Pathfinder
from services.telemetry.domain.tracks import HOUR_MS, Integers, Legs, Track
from services.telemetry.domain.trips import trip_id
from services.telemetry.domain.visits import visits_of
from services.telemetry.domain.walking import State, Vehicle, Walk, WalkConfig

FOR_EVER_MS: Final = NEVER_MS


class Conclusion(Protocol):
    """Something derived that lasts from an instant to another: a visit, a trip, an alert."""

    @property
    def id(self) -> UUID:
        """Made of what it is of and when it began."""

    @property
    def span(self) -> tuple[object, int, int | None]:
        """What it is of, and from when to when, None while open."""


Found = TypeVar("Found", bound=Conclusion)


class Difference(NamedTuple, Generic[Found]):
    """New or changed conclusions with what they supersede, and those that are no more."""

    upserts: list[tuple[Found, UUID | None]]
    retractions: list[UUID]


class Recomputation:
    """A walk of one vehicle that leaves checkpoints and may meet the stored ones again.

    `until_ms` is the last instant touched; before it, equal states prove nothing.
    """

    def __init__(
        self, vehicle: Vehicle, state: State, until_ms: int, areas: AreaIndex, config: WalkConfig
    ) -> None:
        self.config = config
        self.begun = state
        self.until_ms = until_ms
        self.walk = Walk(vehicle, areas, config, state)
        self.checkpoints: dict[int, bytes] = {}
        self.cells: dict[int, set[int]] = {}
        self.met: State | None = None
        self.met_ms = FOR_EVER_MS

    def over(self, track: Track, stored: Mapping[int, bytes]) -> None:
        """Go on over the next fixes, by the stored checkpoints of their hours.

        Raises:
            LateFixError: when a fix belongs before those walked.
        """
        track = track.after(self.walk.last)
        if not len(track) or self.met is not None:
            return
        legs = Legs(track, self.walk.last, self.config.visits.max_gap_ms)
        paths = Pathfinder(legs, self.config.jump_kmh)
        for start, end in _hours(track.times):
            hour_ms = int(track.times[start]) // HOUR_MS * HOUR_MS
            if self._arrive(hour_ms, stored):
                return
            self.walk.over(legs, paths, start, end)
            self.cells.setdefault(hour_ms, set()).update(legs.cells(start, end))

    def meet(self, hour_ms: int, stored: bytes) -> bool:
        """Stop at a stored checkpoint no fix has been walked after, if the state is again the same."""
        if self.met is None and hour_ms > self.until_ms and self.walk.state().encode() == stored:
            self.met, self.met_ms = self.walk.state(), hour_ms
        return self.met is not None

    def _arrive(self, hour_ms: int, stored: Mapping[int, bytes]) -> bool:
        """Keep the state before the first fix of an hour; whether it is the one stored."""
        last = self.walk.last
        if last is None or last.time_ms >= hour_ms:
            return False
        state = self.walk.state()
        encoded = self.checkpoints[hour_ms] = state.encode()
        if hour_ms > self.until_ms and stored.get(hour_ms) == encoded:
            self.met, self.met_ms = state, hour_ms
        return self.met is not None

    def decides(self, stored: Iterable[Found]) -> list[Found]:
        """Give the stored conclusions this walk decides: neither ended before it nor decided after it."""
        first_ms = self.begun.last.time_ms if self.begun.last else -FOR_EVER_MS
        resumed = self.resumed()
        beyond_ms, untouched = FOR_EVER_MS, frozenset[UUID]()
        if self.met is not None:
            beyond_ms = self.met.last.time_ms if self.met.last else -FOR_EVER_MS
            untouched = undecided(self.walk.vehicle.id, self.met)
        return [
            each
            for each in stored
            if (each.id in resumed or each.span[1] >= first_ms)
            and each.id not in untouched
            and each.span[1] < beyond_ms
        ]

    def resumed(self) -> frozenset[UUID]:
        """Ids of what may have begun before this walk and was not decided there."""
        return undecided(self.walk.vehicle.id, self.begun)


def _hours(times: Integers) -> list[tuple[int, int]]:
    """Give the parts of a track that lie in one hour each."""
    if times[0] // HOUR_MS == times[-1] // HOUR_MS:
        return [(0, len(times))]
    cuts = (np.flatnonzero(np.diff(times // HOUR_MS)) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(times)], strict=True))


def undecided(vehicle_id: UUID, state: State) -> frozenset[UUID]:
    """Give the ids of all that has begun in a state, whether it will count or not, and has not ended."""
    found = {visit.id for visit in visits_of(vehicle_id, state.stays)}
    found |= {run.episode(vehicle_id, None).id for run in state.runs}
    trip = state.trip
    if trip.trip is not None:
        found.add(trip_id(vehicle_id, trip.trip.start.time_ms))
    else:
        found |= {trip_id(vehicle_id, place.time_ms) for place in (trip.anchor, trip.last) if place}
    return frozenset(found)


def compare(derived: Sequence[Found], stored: Collection[Found]) -> Difference[Found]:
    """Give what turns the stored conclusions into the derived; a moved start names what it supersedes."""
    before = {each.id: each for each in stored}
    names = {each.id for each in derived}
    gone = [each for each in before.values() if each.id not in names]
    upserts = [
        (each, _superseded(each, gone) if each.id not in before else None)
        for each in derived
        if before.get(each.id) != each
    ]
    return Difference(upserts, [each.id for each in gone])


def _superseded(new: Found, gone: Iterable[Found]) -> UUID | None:
    """Give the retracted conclusion of the same that overlaps this one, the earliest of several."""
    of, start, end = new.span
    overlapping = [
        old
        for old in gone
        if old.span[0] == of
        and old.span[1] <= (FOR_EVER_MS if end is None else end)
        and start <= (FOR_EVER_MS if old.span[2] is None else old.span[2])
    ]
    return min(overlapping, key=lambda old: old.span[1]).id if overlapping else None
