"""One walk over everything is the same walk however it is shuffled, doubled, cut and resumed."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared.standards.zones import CITY_ZONE
from services.telemetry.domain.crossings import AreaIndex, AreaVersion
from services.telemetry.domain.episodes import EpisodeConfig, SpeedLimit
from services.telemetry.domain.jumps import Pathfinder
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.tracks import CITY_OFFSET_MS, LateFixError, Legs, lengths_mm
from services.telemetry.domain.walking import START, Findings, State, Vehicle, Walk, WalkConfig
from tests.support.drives import START_MS, Told, drive, pieces, track_of

CONFIG = WalkConfig(episodes=EpisodeConfig(temperatures_c={"refrigerated": (-18.0, 8.0)}))
RULE = UUID(int=77)
VAN = Vehicle(
    UUID(int=7),
    (-18.0, 8.0),
    (
        SpeedLimit(None, 70.0, -FOR_EVER_MS, None),
        SpeedLimit(RULE, 40.0, START_MS + 3_600_000, START_MS + 9_000_000),
        SpeedLimit(RULE, 60.0, START_MS + 9_000_000, None),
    ),
)


def areas() -> AreaIndex:
    shapes = [
        (0, None, shapely.Point(122.07, 41.12).buffer(0.02, quad_segs=2)),
        (0, START_MS + 7_200_000, shapely.box(122.05, 41.1, 122.2, 41.2)),
        (START_MS + 7_200_000, None, shapely.box(122.0, 41.1, 122.1, 41.2)),
    ]
    return AreaIndex(
        AreaVersion(UUID(int=min(number, 1)), start, end, shapely.MultiPolygon([shape]))
        for number, (start, end, shape) in enumerate(shapes)
    )


AREAS = areas()


def walk(state: State, rows: Iterable[Told]) -> Recomputation:
    """Walk on over rows in any order, in parts of an hour."""
    found = Recomputation(VAN, state, FOR_EVER_MS, AREAS, CONFIG)
    found.over(track_of(rows), {})
    return found


def sort(found: Findings) -> list[list[object]]:
    return [sorted(part, key=repr) for part in found]


def together(*found: Findings) -> list[list[object]]:
    return sort(reduce(Findings.plus, found, Findings([], [], [], [])))


@given(st.integers(0, 2**32), st.data())
@settings(max_examples=150, deadline=None)
def test_shuffled_doubled_cut_and_resumed_gives_the_same(seed: int, data: st.DataObject) -> None:
    rows = drive(random.Random(seed), 160)
    rivals = [row._replace(lon=row.lon + 1, content_hash=row.content_hash + 1) for row in rows[::3]]
    whole = walk(START, data.draw(st.permutations([*rows, *rows[::2], *rivals])))

    state, ended = START, list[Findings]()
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=12))
    checkpoints: dict[int, bytes] = {}
    for part in pieces(rows, cuts):
        going = walk(State.decode(state.encode()), part)
        checkpoints |= going.checkpoints
        ended.append(going.walk.ended())
        state = going.walk.state()
        _, _, days, *_ = ended[-1]
        assert not {day.day for day in days} & {day.day for day in state.days}
    assert state.encode() == whole.walk.state().encode()
    assert checkpoints == whole.checkpoints
    assert together(*ended) == sort(whole.walk.ended())
    assert sort(Walk(VAN, AREAS, CONFIG, state).open()) == sort(whole.walk.open())


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_every_millimetre_and_millisecond_is_in_one_trip_and_one_day(seed: int) -> None:
    rows = drive(random.Random(seed), 300)
    found = walk(START, rows).walk
    ended, going_on = found.ended(), found.open()
    trips, days = [*ended.trips, *going_on.trips], [*ended.days, *going_on.days]
    for name in ("length_mm", "loaded_mm", "empty_mm", "moving_ms", "idle_ms"):
        assert sum(getattr(trip.driven, name) for trip in trips) == sum(
            getattr(day.driven, name) for day in days
        )
    for trip in ended.trips:
        assert trip.ended_ms is not None
        assert trip.ended_ms - trip.started_ms == trip.driven.moving_ms + trip.driven.idle_ms
        assert trip.driven.loaded_mm + trip.driven.empty_mm <= trip.driven.length_mm
    assert sum(day.fixes for day in days) == 300
    legs = Legs(track_of(rows), None, CONFIG.visits.max_gap_ms)
    _, _, jumps = Pathfinder(legs, CONFIG.jump_kmh).find(START.trail, 0, len(rows))
    assert sum(day.jumps for day in days) == len(jumps)


def test_a_fix_before_the_state_is_refused() -> None:
    rows = drive(random.Random(3), 40)
    state = walk(START, rows).walk.state()
    with pytest.raises(LateFixError):
        walk(state, [rows[20]._replace(content_hash=1)])


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=2, max_size=70))
@settings(max_examples=200, deadline=None)
def test_a_length_does_not_depend_on_where_it_stands(points: list[tuple[float, float]]) -> None:
    lons, lats = np.array(points).T
    together_ = lengths_mm(lons[:-1], lats[:-1], lons[1:], lats[1:]).tolist()
    alone = [
        int(lengths_mm(*(np.array([value]) for value in (*points[n], *points[n + 1])))[0])
        for n in range(len(points) - 1)
    ]
    assert together_ == alone


def test_the_city_has_had_one_offset_for_all_its_positions() -> None:
    days = (datetime(1992, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(0, 30_000, 10))
    assert {day.astimezone(CITY_ZONE).utcoffset() for day in days} == {timedelta(milliseconds=CITY_OFFSET_MS)}


def test_nothing_walked_is_nothing_found() -> None:
    found = walk(START, []).walk
    assert found.state() == START
    assert not any(found.ended())
    assert not any(found.open())


def test_paths_and_legs_agree() -> None:
    rows = drive(random.Random(5), 200)
    legs = Legs(track_of(rows), None, 600_000)
    path = Pathfinder(legs, 1e9).find(START.trail, 0, len(rows))[0]
    assert path.lengths == np.where(legs.broken, 0, legs.lengths_mm()).tolist()
