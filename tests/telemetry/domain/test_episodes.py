"""Episodes and alerts: examples, and a plain reading of the definition over made series."""

from collections.abc import Iterable
from itertools import pairwise
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.telemetry.domain.alerts import Alert, AlertRule, RuleBook, VehicleRules
from services.telemetry.domain.crossings import AreaIndex
from services.telemetry.domain.episodes import Episode, EpisodeConfig, Reading, Run, SpeedLimit, Watch
from services.telemetry.domain.recomputation import FOR_EVER_MS, Recomputation
from services.telemetry.domain.visits import Visit
from services.telemetry.domain.walking import START, Vehicle, WalkConfig
from tests.support.drives import M_PER_DEGREE, START_MS, Told, track_of

VAN, FIRM, OTHER = UUID(int=7), UUID(int=8), UUID(int=9)
AREA, RULE = UUID(int=1), UUID(int=2)
MINUTE = 60_000
CONFIG = WalkConfig(episodes=EpisodeConfig({"refrigerated": (-18.0, 8.0)}))


def find(rows: Iterable[Told], vehicle: Vehicle) -> list[Episode]:
    walked = Recomputation(vehicle, START, FOR_EVER_MS, AreaIndex([]), CONFIG)
    walked.over(track_of(rows), {})
    found = walked.walk.ended().episodes + walked.walk.open().episodes
    return sorted(found, key=lambda episode: episode.started_ms)


def spans(episodes: Iterable[Episode]) -> list[tuple[float, float | None]]:
    return [
        ((e.started_ms - START_MS) / MINUTE, None if e.ended_ms is None else (e.ended_ms - START_MS) / MINUTE)
        for e in episodes
    ]


def parked(minute: float, *, cargo_temp_c: float | None = None) -> Told:
    return Told(START_MS + round(minute * MINUTE), 122.0, 41.0, 0, cargo_temp_c=cargo_temp_c)


def cold(*temperatures: float | None, step: float = 2) -> list[Told]:
    return [parked(n * step)._replace(cargo_temp_c=told) for n, told in enumerate(temperatures)]


COLD = Vehicle(VAN, (-18.0, 8.0))


def test_cargo_too_warm_for_longer_than_allowed_is_an_excursion() -> None:
    assert spans(find(cold(5, 9, 9, 9, 9, 9, 12, 7), COLD)) == [(2, 14)]
    (found,) = find(cold(5, 9, 9, 30, 9, 9, 12, 7), COLD)
    assert (found.kind, found.worst, found.limit) == ("temperature", 30, 8)
    assert found.id == uuid5(VAN, f"temperature//{START_MS + 2 * MINUTE}")
    assert spans(find(cold(5, 9, 9, 9, 9, 9, 7), COLD)) == []  # eight minutes
    assert spans(find(cold(5, 9, 9, 9, 9, 9, 9), COLD)) == [(2, None)]
    assert spans(find(cold(-30, -30, -30, -30, -30, -30, -30), COLD)) == [(0, None)]


def test_an_excursion_goes_on_over_fixes_that_say_nothing_and_ends_where_readings_do() -> None:
    assert spans(find(cold(9, None, None, 9, None, None, 9, 7), COLD)) == [(0, 14)]
    assert spans(find([*cold(9, 9, 9, 9, 9, 9), parked(45, cargo_temp_c=9.0)], COLD)) == [(0, 10)]
    assert spans(find([*cold(9, 9, 9, 9, 9, 9), parked(39, cargo_temp_c=9.0)], COLD)) == [(0, None)]


def test_a_vehicle_without_limits_has_no_excursion() -> None:
    assert find(cold(*[99] * 20), Vehicle(VAN)) == []


def driving(*speeds: float | None, step_s: int = 30) -> list[Told]:
    """Fixes of what stands still and says how fast it is."""
    return [parked(n * step_s / 60)._replace(speed_kmh=speed) for n, speed in enumerate(speeds)]


def limit(kmh: float, rule: UUID | None = None, start: float = -1, end: float | None = None) -> SpeedLimit:
    to_ms = None if end is None else START_MS + round(end * MINUTE)
    return SpeedLimit(rule, kmh, START_MS + round(start * MINUTE), to_ms)


def test_faster_than_a_limit_for_ten_seconds_is_overspeed() -> None:
    van = Vehicle(VAN, None, (limit(80), limit(60, RULE)))
    found = find(driving(50, 70, 90, 95, 70, 50), van)
    assert spans(found) == [(0.5, 2.5), (1, 2)]
    assert [(e.key, e.worst, e.limit) for e in found] == [(str(RULE), 95, 60), ("", 95, 80)]
    assert spans(find(driving(50, 90, 50), Vehicle(VAN, None, (limit(80),)))) == []
    assert spans(find(driving(50, 80, 80, 50), Vehicle(VAN, None, (limit(80),)))) == []


def test_a_limit_counts_while_it_is_in_force() -> None:
    van = Vehicle(VAN, None, (limit(60, RULE, 1, 2), limit(90, RULE, 2, 4)))
    assert spans(find(driving(*[70] * 12), van)) == [(1, 2)]
    assert spans(find(driving(*[95] * 12), van)) == [(1, 4)]


def test_the_speed_of_the_line_counts_where_none_is_told() -> None:
    rows = [parked(n / 2)._replace(lat=41 + n * 1000 / M_PER_DEGREE) for n in range(4)]  # 120 km/h
    (found,) = find(rows, Vehicle(VAN, None, (limit(100),)))
    assert spans([found]) == [(0.5, None)]
    assert found.worst == pytest.approx(120, abs=0.1)


def test_silence_is_no_fix_for_long_while_under_way() -> None:
    moving = [parked(n)._replace(lat=41 + n * 1000 / M_PER_DEGREE) for n in range(4)]
    assert spans(find([*moving, parked(18.5)], Vehicle(VAN))) == [(3, 18.5)]
    assert spans(find([*moving, parked(18)], Vehicle(VAN))) == []
    halted = [*moving, *(parked(3 + n)._replace(lat=moving[-1].lat) for n in range(1, 5))]
    assert spans(find([*halted, parked(60)], Vehicle(VAN))) == []
    assert spans(find([parked(0), parked(60)], Vehicle(VAN))) == []


def test_device_alarms_last_while_their_bits_are_told() -> None:
    bits = [0, 1, 1 << 2 | 1, 1 << 2, 0, 1 << 31, 1 << 31]
    rows = [parked(n)._replace(alarms=told) for n, told in enumerate(bits)]
    found = find(rows, Vehicle(VAN))
    assert [(e.key, *spans([e])[0]) for e in found] == [
        ("emergency", 1, 3),
        ("fatigue", 2, 4),
        ("illegal_door", 5, None),
    ]
    alerts = VehicleRules((), {}).of_episodes(found)
    assert [(a.device_alarm, a.severity) for a in alerts] == [
        ("emergency", "critical"),
        ("fatigue", "warning"),
        ("illegal_door", "warning"),
    ]


series = st.lists(
    st.tuples(st.sampled_from([1, 2, 5, 9, 10, 11, 31]), st.booleans(), st.integers(0, 20)),
    min_size=1,
    max_size=30,
)


@given(series, st.data())
@settings(max_examples=400, deadline=None)
def test_runs_are_what_a_plain_reading_finds(rows: list[tuple[int, bool, int]], data: st.DataObject) -> None:
    config = EpisodeConfig(overspeed_ms=4 * MINUTE, max_gap_ms=10 * MINUTE)
    readings, now = list[Reading](), 0
    for step, is_bad, value in rows:
        now += step * MINUTE
        readings.append(Reading(now, is_bad, 80.0 + value, 80.0))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(readings)), max_size=3)))
    ended, runs = list[Episode](), tuple[Run, ...]()
    for start, end in pairwise([0, *cuts, len(readings)]):
        watch = Watch(VAN, config, runs)
        watch.over("overspeed", "", readings[start:end])
        ended, runs = ended + watch.ended, watch.state()
    found = ended + Watch(VAN, config, runs).open()
    assert [(e.started_ms, e.ended_ms, e.worst) for e in found] == list(plain(readings, config))


def plain(readings: list[Reading], config: EpisodeConfig) -> Iterable[tuple[int, int | None, float]]:
    """Maximal runs of bad readings without a gap, each with the reading after it."""
    groups: list[list[Reading]] = []
    for number, reading in enumerate(readings):
        before = readings[number - 1] if number else None
        joined = (
            before is not None and before.is_bad and reading.time_ms - before.time_ms <= config.max_gap_ms
        )
        if reading.is_bad and joined:
            groups[-1].append(reading)
        elif reading.is_bad:
            groups.append([reading])
    for group in groups:
        if group[-1].time_ms - group[0].time_ms < config.overspeed_ms:
            continue
        after = next((r for r in readings if r.time_ms > group[-1].time_ms), None)
        worst = max(r.value or 0 for r in group)
        if after is None:
            yield group[0].time_ms, None, worst
        else:
            late = after.time_ms - group[-1].time_ms > config.max_gap_ms
            yield group[0].time_ms, group[-1].time_ms if late else after.time_ms, worst


def rule(**said: object) -> AlertRule:
    values = {"rule_id": RULE, "owner_enterprise_id": None, "severity": "info", "from_ms": 10, **said}
    return AlertRule(**values)  # type: ignore[arg-type]  # what a test says


def alerts(
    rules: list[AlertRule], entered: int, left: int | None, kinds: dict[UUID, str] | None = None
) -> list[Alert]:
    visit = Visit(UUID(int=5), VAN, AREA, entered, left)
    return RuleBook(rules, kinds or {}).about(VAN, FIRM).of_visits([visit])


BOTH = frozenset({"entered", "left"})


def test_a_rule_in_force_raises_an_alert_for_entering_and_one_for_leaving() -> None:
    found = alerts([rule(area_id=AREA, events=BOTH, severity="critical")], 20, 30)
    assert [(a.kind, a.started_ms, a.ended_ms) for a in found] == [
        ("area_entered", 20, 30),
        ("area_left", 30, 30),
    ]
    assert {(a.severity, a.rule_id, a.area_id, a.visit_id, a.for_offices) for a in found} == {
        ("critical", RULE, AREA, UUID(int=5), True)
    }
    (going_on,) = alerts([rule(area_id=AREA, events=BOTH)], 20, None)
    assert (going_on.kind, going_on.ended_ms) == ("area_entered", None)


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        ({"area_id": AREA, "events": frozenset({"entered"})}, ["area_entered"]),
        ({"area_id": AREA, "events": frozenset({"left"})}, ["area_left"]),
        ({"area_id": RULE, "events": BOTH}, []),
        ({"area_kind": "zone", "events": BOTH}, ["area_entered", "area_left"]),
        ({"area_kind": "road", "events": BOTH}, []),
        ({"area_id": AREA, "events": BOTH, "from_ms": 21}, ["area_left"]),
        ({"area_id": AREA, "events": BOTH, "to_ms": 30}, ["area_entered"]),
        ({"area_id": AREA, "events": BOTH, "to_ms": 20}, []),
        ({"area_id": AREA, "events": BOTH, "owner_enterprise_id": FIRM}, ["area_entered", "area_left"]),
        ({"area_id": AREA, "events": BOTH, "owner_enterprise_id": OTHER}, []),
        ({"area_id": AREA, "events": BOTH, "vehicle_ids": frozenset({OTHER})}, []),
        ({"area_id": AREA, "events": BOTH, "vehicle_ids": frozenset({VAN})}, ["area_entered", "area_left"]),
        ({"area_id": AREA, "events": BOTH, "enterprise_ids": frozenset({OTHER})}, []),
    ],
)
def test_a_rule_is_about_what_it_says(said: dict[str, object], kinds: list[str]) -> None:
    assert [alert.kind for alert in alerts([rule(**said)], 20, 30, {AREA: "zone"})] == kinds


def test_a_rules_speed_limit_raises_the_rules_alert() -> None:
    said = rule(limit_kmh=60.0, owner_enterprise_id=FIRM, severity="critical", from_ms=START_MS - MINUTE)
    rules = RuleBook([said], {}).about(VAN, FIRM)
    (found,) = rules.of_episodes(find(driving(70, 70, 70), Vehicle(VAN, None, rules.speed_limits)))
    assert (found.kind, found.severity, found.rule_id, found.for_offices) == (
        "overspeed",
        "critical",
        RULE,
        False,
    )
    assert (found.value, found.limit_value) == (70, 60)
