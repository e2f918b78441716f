"""Visits by themselves, of fixes in any order, from a state on: what a whole walk does beside all else."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.tracks import Legs, Track, TrackFix
from services.telemetry.domain.visits import Visit, VisitConfig, visits_of, walk_areas
from services.telemetry.domain.walking import START, State


class Derivation(NamedTuple):
    """Visits that ended in this run and those open after it, by entry; and the state to resume from."""

    visits: list[Visit]
    state: State


def derive_visits(
    vehicle_id: UUID,
    fixes: Iterable[TrackFix],
    areas: AreaIndex,
    config: VisitConfig,
    state: State = START,
) -> Derivation:
    """Derive from a state on; stopping at any fix and resuming gives the same visits and the same state.

    The fixes may come in any order and twice. `areas` must be those the state was derived with.

    Raises:
        LateFixError: when a fix belongs before the state's last one.
    """
    track = Track.of(fixes).after(state.last)
    if not len(track):
        return Derivation(visits_of(vehicle_id, state.stays), state)
    legs = Legs(track, state.last, config.max_gap_ms)
    ended, stays = walk_areas(legs, (0, len(track)), areas, config, state.stays)
    visits = [*visits_of(vehicle_id, ended, ended=True), *visits_of(vehicle_id, stays)]
    visits.sort(key=lambda visit: (visit.entered_ms, visit.area_id))
    return Derivation(visits, State(track.fix(-1), stays))
