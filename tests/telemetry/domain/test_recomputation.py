"""Recomputing what a change touches gives what computing everything gives.

The brute force is a walk over everything. Beside it stands what a vehicle's stored checkpoints and cells make
of the same changes: late fixes, and areas that come, move and go, found by cells as `operations/copies.py`
does.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from services.telemetry.domain.area_changes import touched
from services.telemetry.domain.cells import ANYWHERE, area_cells, cells_of, crossed_cells
from services.telemetry.domain.crossings import AreaIndex, AreaVersion
from services.telemetry.domain.recomputation import (
    FOR_EVER_MS,
    Conclusion,
    Recomputation,
    compare,
)
from services.telemetry.domain.rows import cell_of
from services.telemetry.domain.tracks import HOUR_MS
from services.telemetry.domain.trips import Trip
from services.telemetry.domain.visits import Visit
from services.telemetry.domain.walking import START, State, Vehicle, WalkConfig
from tests.support.drives import HOME, START_MS, Told, drive, track_of

VAN = Vehicle(UUID(int=7))
CONFIG = WalkConfig()
HOURS = 30

Shapes = tuple[AreaVersion, ...]


@dataclass
class Store:
    """What stands of one vehicle, kept by recomputations."""

    rows: list[Told] = field(default_factory=list)
    areas: Shapes = ()
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    visits: dict[UUID, Visit] = field(default_factory=dict)
    trips: dict[UUID, Trip] = field(default_factory=dict)
    cells: dict[int, set[int]] = field(default_factory=dict)
    hours: int = 0
    rewritten: int = 0

    def add(self, rows: Sequence[Told]) -> None:
        """Fixes come in."""
        self.rows += rows
        times = [row.time_ms for row in rows]
        self._recompute(min(times), max(times))

    def change(self, areas: Shapes) -> None:
        """Areas change; the vehicle is recomputed only where the cells say so."""
        before, self.areas = self.areas, areas
        hours: set[int] = set()
        since = FOR_EVER_MS
        for area_id in {version.area_id for version in (*before, *areas)}:
            own = [[v for v in history if v.area_id == area_id] for history in (before, areas)]
            for each in touched(*own):
                held = {hour for hour in self.cells if _is_touched(each.cells, self.cells[hour])}
                held = {
                    hour
                    for hour in held
                    if hour >= each.first_hour and (each.beyond_hour is None or hour < each.beyond_hour)
                }
                if held:
                    since = min(since, max(each.since_ms, min(held) * HOUR_MS))
                    hours |= held
        if hours:
            self._recompute(since, (max(hours) + 1) * HOUR_MS)

    def _recompute(self, since: int, until: int) -> None:
        at = max((time for time in self.checkpoints if time <= since), default=None)
        state = START if at is None else State.decode(self.checkpoints[at])
        walked = Recomputation(VAN, state, until, AreaIndex(self.areas), CONFIG)
        walked.over(track_of(row for row in self.rows if at is None or row.time_ms >= at), self.checkpoints)
        self.hours = len(walked.cells)
        for hour_ms, cells in walked.cells.items():
            self.cells.setdefault(hour_ms // HOUR_MS, set()).update(cells)
        kept = {
            t: s for t, s in self.checkpoints.items() if t >= walked.met_ms or (at is not None and t <= at)
        }
        self.checkpoints = kept | walked.checkpoints
        found = walked.walk.ended()
        if walked.met is None:
            found = found.plus(walked.walk.open())
        visits = compare(found.visits, walked.decides(self.visits.values()))
        trips = compare(found.trips, walked.decides(self.trips.values()))
        for name in visits.retractions:
            del self.visits[name]
        for name in trips.retractions:
            del self.trips[name]
        self.visits |= {visit.id: visit for visit, _ in visits.upserts}
        self.trips |= {trip.id: trip for trip, _ in trips.upserts}
        self.rewritten = len(trips.upserts)

    def check(self) -> None:
        """All that stands is what a walk over everything gives."""
        walked = Recomputation(VAN, START, FOR_EVER_MS, AreaIndex(self.areas), CONFIG)
        walked.over(track_of(self.rows), {})
        found = walked.walk.ended().plus(walked.walk.open())
        assert sorted(self.visits.values(), key=repr) == sorted(found.visits, key=repr)
        assert sorted(self.trips.values(), key=repr) == sorted(found.trips, key=repr)
        assert self.checkpoints == walked.checkpoints
        hours = {hour_ms // HOUR_MS: cells for hour_ms, cells in walked.cells.items()}
        assert all(cells <= self.cells[hour] for hour, cells in hours.items())


def _is_touched(cells: frozenset[int] | None, crossed: Iterable[int]) -> bool:
    return cells is None or any(cell in cells or cell == ANYWHERE for cell in crossed)


def shape(chance: random.Random) -> shapely.Geometry:
    centre = HOME[0] + chance.gauss(0, 0.04), HOME[1] + chance.gauss(0, 0.04)
    if chance.random() < 0.1:
        centre = centre[0] + 1, centre[1] + 1  # where nobody goes but by a jump
    size = chance.choice([0.0005, 0.003, 0.01, 0.05])
    if chance.random() < 0.5:
        return shapely.MultiPolygon([shapely.box(*centre, centre[0] + size, centre[1] + size)])
    return shapely.MultiPolygon([shapely.Point(centre).buffer(size, quad_segs=chance.choice([1, 2, 4]))])


def history(chance: random.Random, area_id: UUID) -> Shapes:
    """Up to three versions, with and without time between them."""
    ends = sorted(chance.sample(range(-2, HOURS), chance.choice([2, 2, 3, 4])))
    at = [START_MS + hour * HOUR_MS + chance.choice([0, 0, 1, 1_800_000]) for hour in ends]
    versions = [AreaVersion(area_id, start, end, shape(chance)) for start, end in pairwise(at)]
    if chance.random() < 0.5:
        versions[-1] = versions[-1]._replace(valid_to_ms=None)
    if len(versions) > 1 and chance.random() < 0.3:
        versions.pop(chance.randrange(len(versions)))
    return tuple(versions)


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_what_changes_touch_is_all_that_has_to_be_recomputed(seed: int) -> None:
    chance = random.Random(seed)
    rows = drive(chance, 300)
    chance.shuffle(rows)
    store, areas = Store(), dict[UUID, Shapes]()
    for number in range(0, 300, 75):
        part = sorted(rows[number : number + 75])
        cut = chance.randrange(75)
        store.add(part[:cut] or part)
        for area_id in (UUID(int=chance.randrange(3)) for _ in range(chance.randrange(3))):
            areas[area_id] = history(chance, area_id) if chance.random() < 0.8 else ()
            store.change(tuple(version for name in sorted(areas) for version in areas[name]))
        store.add(part[cut:] or part)
        store.check()


def test_an_area_nobody_came_near_costs_nothing() -> None:
    store = Store()
    store.add(drive(random.Random(1), 300))
    store.hours = 0
    store.change((AreaVersion(UUID(int=1), 0, None, shapely.box(100, 20, 100.5, 20.5)),))
    assert store.hours == 0
    store.change((AreaVersion(UUID(int=1), 0, None, shapely.box(*HOME, HOME[0] + 0.05, HOME[1] + 0.05)),))
    assert store.hours > 0


def test_a_change_of_a_past_interval_costs_its_hours() -> None:
    store = Store()
    rows = drive(random.Random(2), 900)
    store.add(rows)
    everywhere = shapely.box(HOME[0] - 1, HOME[1] - 1, HOME[0] + 1, HOME[1] + 1)
    start = rows[100].time_ms
    store.change((AreaVersion(UUID(int=1), start, start + 2 * HOUR_MS, everywhere),))
    store.check()
    assert 2 <= store.hours <= 5


coordinates = st.tuples(
    st.one_of(st.floats(121.9, 122.2), st.integers(12190, 12220).map(lambda n: n / 100)),
    st.one_of(st.floats(41.0, 41.2), st.integers(4100, 4120).map(lambda n: n / 100)),
)


@given(coordinates, coordinates, st.lists(coordinates, min_size=3, max_size=5))
@settings(max_examples=600, deadline=None)
def test_where_line_and_area_meet_is_a_common_cell(
    start: tuple[float, float], end: tuple[float, float], corners: list[tuple[float, float]]
) -> None:
    area = shapely.MultiPoint(corners).convex_hull
    line = shapely.LineString([start, end])
    if shapely.intersects(area, line):
        cells = area_cells(area)
        assert cells is not None
        assert cells & crossed_cells(*start, *end)


@given(coordinates, coordinates)
@settings(max_examples=300, deadline=None)
def test_a_lines_cells_hold_its_points(start: tuple[float, float], end: tuple[float, float]) -> None:
    cells = crossed_cells(*start, *end)
    shares = [n / 50 for n in range(51)]
    lons, lats = ([a + share * (b - a) for share in shares] for a, b in zip(start, end, strict=True))
    points = track_of(Told(n, lon, lat) for n, (lon, lat) in enumerate(zip(lons, lats, strict=True)))
    found = cells_of(points.lons, points.lats).tolist()
    assert found == [cell_of(lon, lat) for lon, lat in zip(lons, lats, strict=True)]
    assert set(found) <= cells
    assert len(cells) <= 2 * (31 + 21)  # along an edge of the grid the cells on both sides


def test_a_line_around_the_world_is_anywhere() -> None:
    assert crossed_cells(-170, 10, 170, 10) == {ANYWHERE}
    assert area_cells(shapely.box(-180, -90, 180, 90)) is None


def test_a_line_out_of_an_area_ends_after_the_shape_did() -> None:
    """The last fix inside is in the hour before the shape ended, the line out of it leads into the next."""
    end = START_MS + HOUR_MS
    inside = [Told(end - seconds * 1000, 122.001, 41.005, seconds) for seconds in (700, 400, 100, 10)]
    outside = [Told(end + seconds * 1000, 122.101, 41.005, seconds) for seconds in (10, 40, 70)]
    wide, narrow = (shapely.box(122, 41, 122.001 + width, 41.01) for width in (0.04, 0.02))
    store = Store()
    store.change((AreaVersion(UUID(int=1), 0, end, wide),))
    store.add([*inside, *outside])
    (visit,) = store.visits.values()
    assert visit.left_ms == end - 10_000 + 8_000
    store.change((AreaVersion(UUID(int=1), 0, end, narrow),))
    (visit,) = store.visits.values()
    assert visit.left_ms == end - 10_000 + 4_000
    store.check()


def test_a_trip_that_had_not_begun_at_the_checkpoint_is_taken_back() -> None:
    """It begins where the track did, before the hour; then a late fix shows that the vehicle halted there."""
    start = START_MS + HOUR_MS - 90_000
    place = [Told(start + n * 60_000, 122.0, 41.0, n) for n in range(3)]
    away = [Told(start + 200_000 + n * 60_000, 122.0, 41.01 + n / 100, n) for n in range(4)]
    store = Store()
    before = [Told(start - 3_000_000, 122.0, 41.0, 9)]
    store.add([*before, *place[:2], *away])
    (trip,) = store.trips.values()
    assert trip.started_ms == start
    store.add([place[1]._replace(time_ms=start + 190_000)])
    (trip,) = store.trips.values()
    assert trip.started_ms == start + 190_000
    store.check()


def test_a_history_that_says_the_same_touches_nothing() -> None:
    box = shapely.MultiPolygon([shapely.box(122, 41, 122.005, 41.005)])
    whole = [AreaVersion(UUID(int=1), 0, None, box)]
    parts = [AreaVersion(UUID(int=1), 0, 50, box), AreaVersion(UUID(int=1), 50, None, box)]
    assert touched(whole, parts) == []
    (gone,) = touched(whole, parts[:1])
    assert (gone.since_ms, gone.first_hour, gone.beyond_hour, len(gone.cells or ())) == (50, 0, None, 4)


@dataclass(frozen=True)
class Stay:
    """The least a conclusion is."""

    id: UUID
    span: tuple[object, int, int | None]


def stay(number: int, of: object, start: int, end: int | None = None) -> Conclusion:
    return Stay(UUID(int=number), (of, start, end))


@pytest.mark.parametrize(
    ("derived", "stored", "upserts", "retractions"),
    [
        ([stay(1, "a", 0)], [], [(1, None)], []),
        ([], [stay(1, "a", 0, 5)], [], [1]),
        ([stay(1, "a", 0, 5)], [stay(1, "a", 0, 5)], [], []),
        ([stay(1, "a", 0, 6)], [stay(1, "a", 0, 5)], [(1, None)], []),
        ([stay(2, "a", 1, 5)], [stay(1, "a", 0, 5)], [(2, 1)], [1]),
        ([stay(2, "b", 1, 5)], [stay(1, "a", 0, 5)], [(2, None)], [1]),
        ([stay(2, "a", 7)], [stay(1, "a", 0, 5)], [(2, None)], [1]),
        ([stay(3, "a", 1)], [stay(1, "a", 4, 5), stay(2, "a", 2, 3)], [(3, 2)], [1, 2]),
    ],
)
def test_what_moved_names_what_it_supersedes(
    derived: list[Conclusion],
    stored: list[Conclusion],
    upserts: list[tuple[int, int | None]],
    retractions: list[int],
) -> None:
    found = compare(derived, stored)
    assert [(each.id.int, old and old.int) for each, old in found.upserts] == upserts
    assert [name.int for name in found.retractions] == retractions
