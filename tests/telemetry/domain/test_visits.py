"""Visits against an independent oracle, and against themselves shuffled, doubled and resumed."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from uuid import UUID, uuid5

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from services.telemetry.domain.crossings import AreaIndex, AreaVersion
from services.telemetry.domain.tracks import LateFixError, Track, TrackFix
from services.telemetry.domain.visits import Visit, VisitConfig
from services.telemetry.domain.walking import START, State
from tests.support.visiting import derive_visits

VAN = UUID(int=7)
CITY = UUID(int=1)
UNIT = 30_720
"""2¹¹ · 15 ms: a crossing at a small fraction of some units never falls on half a millisecond."""

Ring = Sequence[tuple[int, int]]
SQUARE: Ring = [(2, 2), (8, 2), (8, 8), (2, 8)]
COMB: Ring = [(1, 1), (9, 1), (9, 9), (7, 9), (7, 3), (5, 3), (5, 9), (3, 9), (3, 3), (1, 3)]
DIAMOND: Ring = [(5, 0), (10, 5), (5, 10), (0, 5)]
HOLE: Ring = [(4, 4), (6, 4), (6, 6), (4, 6)]
FAR: Ring = [(9, 9), (12, 9), (12, 12)]


@dataclass(frozen=True)
class Shape:
    """Rings of one version: shells, and holes in any of them."""

    shells: tuple[Ring, ...]
    holes: tuple[Ring, ...] = ()

    def geometry(self) -> shapely.Geometry:
        first, *rest = self.shells
        return shapely.MultiPolygon([shapely.Polygon(first, self.holes), *map(shapely.Polygon, rest)])


SHAPES = [
    Shape((SQUARE,)),
    Shape((COMB,)),
    Shape((DIAMOND,), (HOLE,)),
    Shape(([(0, 0), (3, 0), (3, 3)], FAR)),
]


def fix(units: float, lon: float, lat: float, content_hash: int = 0) -> TrackFix:
    return TrackFix(int(units * UNIT), float(lon), float(lat), content_hash)


def index(*versions: tuple[Shape, int, int | None]) -> AreaIndex:
    return AreaIndex(AreaVersion(CITY, start, end, shape.geometry()) for shape, start, end in versions)


def times(visits: Sequence[Visit]) -> list[tuple[float, float | None]]:
    return [(v.entered_ms / UNIT, None if v.left_ms is None else v.left_ms / UNIT) for v in visits]


WHOLE = index((SHAPES[0], 0, None))
CONFIG = VisitConfig(max_gap_ms=10 * UNIT, outside_fixes=2, outside_ms=5 * UNIT)


def visits_of(*fixes: TrackFix, areas: AreaIndex = WHOLE) -> list[tuple[float, float | None]]:
    return times(derive_visits(VAN, fixes, areas, CONFIG).visits)


def test_entry_and_exit_are_the_linear_crossings() -> None:
    assert visits_of(fix(0, 0, 5), fix(4, 4, 5), fix(6, 6, 5), fix(10, 10, 5), fix(11, 10, 5)) == [(2, 8)]


def test_a_track_that_begins_inside_enters_at_its_first_fix() -> None:
    assert visits_of(fix(3, 5, 5)) == [(3, None)]
    assert visits_of(fix(3, 2, 2)) == [(3, None)]


def test_one_outside_fix_is_jitter_two_are_leaving() -> None:
    jitter = fix(0, 5, 5), fix(1, 5, 9), fix(2, 5, 5)
    assert visits_of(*jitter) == [(0, None)]
    assert visits_of(fix(0, 5, 5), fix(1, 5, 11), fix(2, 5, 11), fix(3, 5, 5)) == [(0, 0.5), (2.5, None)]


def test_long_enough_outside_is_leaving_even_with_one_fix() -> None:
    assert visits_of(fix(0, 5, 5), fix(1, 5, 11), fix(10, 5, 5)) == [(0, 0.5), (5.5, None)]
    assert visits_of(fix(0, 5, 5), fix(6, 5, 11)) == [(0, None)]
    assert visits_of(fix(0, 5, 5), fix(8, 5, 17)) == [(0, 2)]


def test_a_gap_breaks_the_track() -> None:
    assert visits_of(fix(0, 5, 5), fix(10, 5, 5)) == [(0, None)]
    assert visits_of(fix(0, 5, 5), fix(10.5, 5, 5)) == [(0, 0), (10.5, None)]
    assert visits_of(fix(0, 5, 5), fix(1, 5, 11), fix(12, 5, 5)) == [(0, 0.5), (12, None)]
    assert visits_of(fix(0, 0, 5), fix(11, 10, 5)) == []


def test_passing_through_between_two_fixes_is_a_visit() -> None:
    assert visits_of(fix(0, 0, 5), fix(10, 10, 5)) == [(2, None)]
    assert visits_of(fix(0, 0, 5), fix(10, 10, 5), fix(11, 10, 5)) == [(2, 8)]
    touching = fix(0, 0, 4), fix(8, 4, 0)
    assert visits_of(*touching) == []
    teeth = index((Shape(([(0, 0), (2, 0), (1, 2)], [(4, 0), (6, 0), (5, 2)])), 0, None))
    assert visits_of(fix(0, 0, 2), fix(6, 6, 2), areas=teeth) == []


def test_the_version_in_force_at_the_time_of_the_fix_decides() -> None:
    later = index((SHAPES[0], 5 * UNIT, 20 * UNIT), (SHAPES[2], 30 * UNIT, None))
    track = [fix(n, 5, 3) for n in range(0, 40, 2)]
    assert visits_of(*track, areas=later) == [(6, 18), (30, None)]


def test_the_id_is_of_vehicle_area_and_start() -> None:
    (visit,) = derive_visits(VAN, [fix(2, 5, 5)], WHOLE, CONFIG).visits
    assert visit.id == uuid5(VAN, f"{CITY}/{2 * UNIT}")
    assert visit.id.version == 5


def test_the_least_hash_wins_at_equal_times() -> None:
    same = [fix(0, 0, 0, 3), fix(0, 5, 5, -2), fix(0, 1, 1, 9)]
    track = Track.of(same)
    assert [track.fix(n) for n in range(len(track))] == [same[1]]


def test_a_fix_before_the_state_is_refused() -> None:
    state = derive_visits(VAN, [fix(5, 5, 5, 4)], WHOLE, CONFIG).state
    for late in (fix(4, 5, 5), fix(5, 5, 5, 3)):
        with pytest.raises(LateFixError):
            derive_visits(VAN, [late], WHOLE, CONFIG, state)
    again = derive_visits(VAN, [fix(5, 5, 5, 4), fix(5, 1, 1, 8)], WHOLE, CONFIG, state)
    assert again.state == state
    assert times(again.visits) == [(5, None)]


def test_nothing_derives_nothing() -> None:
    assert derive_visits(VAN, [], WHOLE, CONFIG).visits == []
    assert derive_visits(VAN, [fix(1, 5, 5)], AreaIndex([]), CONFIG).visits == []
    gone = derive_visits(VAN, [fix(1, 5, 5)], WHOLE, CONFIG).state
    assert times(derive_visits(VAN, [fix(2, 5, 5)], AreaIndex([]), CONFIG, gone).visits) == [(1, None)]


# The oracle: exact rational arithmetic on the rings, presences first, then merged. It shares nothing with the
# code under test but the definition.


def on_edge(point: tuple[Fraction, Fraction], start: tuple[int, int], end: tuple[int, int]) -> bool:
    (x, y), (x1, y1), (x2, y2) = point, start, end
    if (x2 - x1) * (y - y1) != (y2 - y1) * (x - x1):
        return False
    return min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2)


def edges(ring: Ring) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return list(pairwise([*ring, ring[0]]))


def in_ring(point: tuple[Fraction, Fraction], ring: Ring) -> bool:
    x, y = point
    odd = False
    for (x1, y1), (x2, y2) in edges(ring):
        if (y1 > y) != (y2 > y) and x < Fraction(x2 - x1) * (y - y1) / (y2 - y1) + x1:
            odd = not odd
    return odd


def is_covered(shape: Shape, point: tuple[Fraction, Fraction]) -> bool:
    if any(on_edge(point, *edge) for ring in (*shape.shells, *shape.holes) for edge in edges(ring)):
        return True
    return any(in_ring(point, ring) for ring in shape.shells) and not any(
        in_ring(point, ring) for ring in shape.holes
    )


def along(p: TrackFix, q: TrackFix, share: Fraction) -> tuple[Fraction, Fraction]:
    return (
        Fraction(p.lon) + share * Fraction(q.lon - p.lon),
        Fraction(p.lat) + share * Fraction(q.lat - p.lat),
    )


def covered_shares(shape: Shape, p: TrackFix, q: TrackFix) -> tuple[list[Fraction], bool]:
    """Shares of the line at which it may enter or leave and is covered; whether it is ever really within."""
    dx, dy = Fraction(q.lon - p.lon), Fraction(q.lat - p.lat)
    shares = {Fraction(0), Fraction(1)}
    for ring in (*shape.shells, *shape.holes):
        for (x1, y1), (x2, y2) in edges(ring):
            ex, ey = x2 - x1, y2 - y1
            across = dx * ey - dy * ex
            if across:
                shares.add(((x1 - Fraction(p.lon)) * ey - (y1 - Fraction(p.lat)) * ex) / across)
            elif dx or dy:
                ends = [(x1, y1), (x2, y2)]
                shares |= {
                    ((x - Fraction(p.lon)) * dx + (y - Fraction(p.lat)) * dy) / (dx**2 + dy**2)
                    for x, y in ends
                }
    cuts = sorted(share for share in shares if 0 <= share <= 1)
    covered = [share for share in cuts if is_covered(shape, along(p, q, share))]
    really = any(is_covered(shape, along(p, q, (a + b) / 2)) for a, b in pairwise(cuts))
    return covered, really


Version = tuple[Shape, int, int | None]


def version_at(versions: list[Version], time_ms: int) -> Version | None:
    return next((v for v in versions if v[1] <= time_ms and (v[2] is None or time_ms < v[2])), None)


def point_of(f: TrackFix) -> tuple[Fraction, Fraction]:
    return Fraction(f.lon), Fraction(f.lat)


def presence(versions: list[Version], p: TrackFix, q: TrackFix) -> tuple[int, int] | None:
    """The part of the time from p to q that the vehicle is taken to be inside."""
    at_p, at_q = version_at(versions, p.time_ms), version_at(versions, q.time_ms)
    in_p = at_p is not None and is_covered(at_p[0], point_of(p))
    in_q = at_q is not None and is_covered(at_q[0], point_of(q))
    if in_p and in_q:
        return p.time_ms, q.time_ms
    version = at_p if in_p else at_q
    if version is None or (not in_p and not in_q and at_p is not at_q):
        return None
    shape, start, end = version
    shares, really = covered_shares(shape, p, q)
    lasted = q.time_ms - p.time_ms
    span = [p.time_ms + round(share * lasted) for share in (shares[:1] + shares[-1:])]
    if in_q:
        crossed = not is_covered(shape, point_of(p)) and span[0] >= start
        return (span[0] if crossed else q.time_ms), q.time_ms
    if in_p:
        crossed = not is_covered(shape, point_of(q)) and (end is None or span[1] <= end)
        return p.time_ms, (span[1] if crossed else p.time_ms)
    return (span[0], span[1]) if really and span[0] < span[1] else None


def tracks_of(fixes: list[TrackFix], config: VisitConfig) -> list[list[TrackFix]]:
    tracks = [[fixes[0]]]
    for p, q in pairwise(fixes):
        if q.time_ms - p.time_ms > config.max_gap_ms:
            tracks.append([])
        tracks[-1].append(q)
    return tracks


def oracle(
    fixes: list[TrackFix], versions: list[Version], config: VisitConfig
) -> list[tuple[int, int | None]]:
    found: list[tuple[int, int | None]] = []
    tracks = tracks_of(fixes, config)
    for number, track in enumerate(tracks):
        inside = {
            f.time_ms
            for f in track
            if (v := version_at(versions, f.time_ms)) and is_covered(v[0], point_of(f))
        }
        spans = [(t, t) for t in inside]
        spans += [span for p, q in pairwise(track) if (span := presence(versions, p, q)) is not None]
        outside = [f.time_ms for f in track if f.time_ms not in inside]
        merged: list[tuple[int, int]] = []
        for start, end in sorted(spans):
            if merged:
                away = merged[-1][1]
                missed = sum(away <= t <= start for t in outside)
                if start <= away or (missed < config.outside_fixes and start - away < config.outside_ms):
                    merged[-1] = merged[-1][0], max(away, end)
                    continue
            merged.append((start, end))
        found += merged
        if merged and number == len(tracks) - 1:
            away = merged[-1][1]
            since = [t for t in outside if t >= away]
            has_left = len(since) >= config.outside_fixes or any(t - away >= config.outside_ms for t in since)
            found[-1] = merged[-1][0], away if has_left else None
    return found


coordinate = st.integers(-1, 13)
steps = st.sampled_from([1, 1, 1, 2, 3, 5, 10, 11])
versions_of = st.one_of(
    st.sampled_from(SHAPES).map(lambda shape: [(shape, 0, None)]),
    st.tuples(st.sampled_from(SHAPES), st.sampled_from(SHAPES), st.integers(1, 40), st.integers(0, 6)).map(
        lambda t: [(t[0], UNIT, t[2] * UNIT + UNIT), (t[1], (t[2] + t[3]) * UNIT + UNIT, None)]
    ),
)
configs = st.builds(
    VisitConfig,
    max_gap_ms=st.just(10 * UNIT),
    outside_fixes=st.integers(1, 3),
    outside_ms=st.sampled_from([2 * UNIT, 5 * UNIT, 100 * UNIT]),
)


@st.composite
def tracks(draw: st.DrawFn) -> list[TrackFix]:
    now, fixes = 0, []
    for lon, lat, step in draw(st.lists(st.tuples(coordinate, coordinate, steps), min_size=1, max_size=14)):
        now += step
        fixes.append(fix(now, lon, lat, draw(st.integers(-3, 3))))
    return fixes


@given(tracks(), versions_of, configs)
@settings(max_examples=1500, deadline=None)
def test_visits_equal_the_oracles(
    track: list[TrackFix], versions: list[Version], config: VisitConfig
) -> None:
    visits = derive_visits(VAN, track, index(*versions), config).visits
    assert [(v.entered_ms, v.left_ms) for v in visits] == oracle(track, versions, config)
    assert len({v.id for v in visits}) == len(visits)


@given(tracks(), configs, st.data())
@settings(max_examples=300, deadline=None)
def test_shuffled_doubled_and_resumed_gives_the_same(
    track: list[TrackFix], config: VisitConfig, data: st.DataObject
) -> None:
    areas = AreaIndex(
        AreaVersion(UUID(int=number), 0, None, shape.geometry()) for number, shape in enumerate(SHAPES)
    )
    rivals = [f._replace(lon=f.lon + 1, content_hash=f.content_hash + 1) for f in track]
    whole = derive_visits(VAN, data.draw(st.permutations([*track, *track, *rivals])), areas, config)

    state = START
    merged: dict[UUID, Visit] = {}
    cuts = data.draw(st.lists(st.integers(0, len(track)), max_size=4).map(sorted))
    for start, end in pairwise([0, *cuts, len(track)]):
        part = derive_visits(VAN, [*track[start:end], *rivals[start:end]], areas, config, state)
        merged |= {visit.id: visit for visit in part.visits}
        state = State.decode(part.state.encode())
    assert state.encode() == whole.state.encode()
    in_order = sorted(merged.values(), key=lambda visit: (visit.entered_ms, visit.area_id))
    assert in_order == whole.visits
