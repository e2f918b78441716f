"""Recomputing a vehicle's visits from a checkpoint on, and what that changes of the stored ones.

The derivation itself is `visits.py`; here its state is kept at full hours, so that a late fix costs the
hours after it and not the whole track, and the walk ends where the state is again the one stored
(design.md, Visits).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from services.telemetry.domain.crossings import AreaIndex, TrackFix
from services.telemetry.domain.visits import (
    Visit,
    VisitConfig,
    VisitState,
    derive_visits,
    visit_id,
)

HOUR_MS = 3_600_000
FOR_EVER_MS = 2**62


class Work(NamedTuple):
    """What to recompute: from which state, the later checkpoints by time, and until when it was touched."""

    vehicle_id: UUID
    state: VisitState
    later: Mapping[int, bytes]
    until_ms: int


class Recomputed(NamedTuple):
    """The visits decided by the walk, its checkpoints, and where it met the stored state again (or None)."""

    visits: list[Visit]
    checkpoints: dict[int, bytes]
    met: VisitState | None
    met_ms: int


class Stored(NamedTuple):
    """A stored visit that is not retracted."""

    id: UUID
    area_id: UUID
    entered_ms: int
    left_ms: int | None


class Difference(NamedTuple):
    """New or changed visits with what they supersede, and those that are no more."""

    upserts: list[tuple[Visit, UUID | None]]
    retractions: list[UUID]


def recompute(work: Work, fixes: Iterable[TrackFix], areas: AreaIndex, config: VisitConfig) -> Recomputed:
    """Derive from the checkpoint over fixes in time order until their end or the stored state."""
    state, going_on = work.state, resumed_visits(work.vehicle_id, work.state)
    ended: list[Visit] = []
    checkpoints: dict[int, bytes] = {}
    for hour_ms, group in _hours(fixes):
        if state is not work.state:
            encoded = checkpoints[hour_ms] = state.encode()
            if hour_ms > work.until_ms and work.later.get(hour_ms) == encoded:
                return Recomputed(ended, checkpoints, state, hour_ms)
        visits, state = derive_visits(work.vehicle_id, group, areas, config, state)
        ended += [visit for visit in visits if visit.left_ms is not None]
        going_on = [visit for visit in visits if visit.left_ms is None]
    return Recomputed(ended + going_on, checkpoints, None, FOR_EVER_MS)


def _hours(fixes: Iterable[TrackFix]) -> Iterator[tuple[int, list[TrackFix]]]:
    for hour, group in groupby(fixes, key=lambda fix: fix.time_ms // HOUR_MS):
        yield hour * HOUR_MS, list(group)


def resumed_visits(vehicle_id: UUID, state: VisitState) -> list[Visit]:
    """Give the visits that go on in a state."""
    return [
        Visit(
            visit_id(vehicle_id, stay.area_id, stay.entered_ms),
            vehicle_id,
            stay.area_id,
            stay.entered_ms,
            None,
        )
        for stay in state.stays
    ]


def relevant(work: Work, result: Recomputed, stored: Iterable[Stored]) -> list[Stored]:
    """Give the stored visits that the walk decides again: neither ended before it nor decided after it."""
    first_ms = work.state.last.time_ms if work.state.last else -FOR_EVER_MS
    resumed = {visit.id for visit in resumed_visits(work.vehicle_id, work.state)}
    beyond_ms, untouched = FOR_EVER_MS, set[UUID]()
    if result.met is not None:
        beyond_ms = result.met.last.time_ms if result.met.last else -FOR_EVER_MS
        untouched = {visit.id for visit in resumed_visits(work.vehicle_id, result.met)}
    return [
        visit
        for visit in stored
        if (visit.id in resumed or visit.entered_ms >= first_ms)
        and visit.id not in untouched
        and visit.entered_ms < beyond_ms
    ]


def compare(visits: Iterable[Visit], stored: Iterable[Stored]) -> Difference:
    """Give what turns the stored visits into the derived; a moved start names the visit it supersedes."""
    before = {visit.id: visit for visit in stored}
    derived = {visit.id: visit for visit in visits}
    gone = [visit for visit_key, visit in before.items() if visit_key not in derived]
    upserts: list[tuple[Visit, UUID | None]] = []
    for visit in derived.values():
        known = before.get(visit.id)
        if known is None:
            upserts.append((visit, _superseded(visit, gone)))
        elif known.left_ms != visit.left_ms:
            upserts.append((visit, None))
    return Difference(upserts, [visit.id for visit in gone])


def _superseded(visit: Visit, gone: Iterable[Stored]) -> UUID | None:
    """Give the retracted visit to the same area that overlaps this one, the earliest of several."""
    end = FOR_EVER_MS if visit.left_ms is None else visit.left_ms
    overlapping = [
        old
        for old in gone
        if old.area_id == visit.area_id
        and old.entered_ms <= end
        and visit.entered_ms <= (FOR_EVER_MS if old.left_ms is None else old.left_ms)
    ]
    return min(overlapping, key=lambda old: old.entered_ms).id if overlapping else None
