"""Visits by themselves, of fixes in any order, from a state on: what a whole walk does beside all else."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.tracks import Legs, Track, TrackFix
from services.telemetry.domain.visits import Stay, Visit, VisitConfig, visits_of, walk_areas


class VisitState(msgspec.Struct, frozen=True):
    """All that later fixes need of the earlier ones; equal states derive equally from there on."""

    last: TrackFix | None = None
    stays: tuple[Stay, ...] = ()

    def encode(self) -> bytes:
        """Write the state as bytes; equal states give equal bytes."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "VisitState":
        """Read a state back.

        Raises:
            msgspec.MsgspecError: when the bytes are no state.
        """
        return msgspec.msgpack.decode(data, type=cls)


START: Final = VisitState()
"""The state before the first fix."""


class Derivation(NamedTuple):
    """Visits that ended in this run and those open after it, by entry; and the state to resume from."""

    visits: list[Visit]
    state: VisitState


def derive_visits(
    vehicle_id: UUID,
    fixes: Iterable[TrackFix],
    areas: AreaIndex,
    config: VisitConfig,
    state: VisitState = START,
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
    return Derivation(visits, VisitState(track.fix(-1), stays))
