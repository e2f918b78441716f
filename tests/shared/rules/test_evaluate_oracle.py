"""The evaluator against a minute-by-minute oracle written straight from the definition."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.shared.rules.conditions import Conditions, VehicleFacts
from services.shared.rules.evaluate import RuleSet, allowed_intervals, evaluate
from services.shared.rules.records import Effect, Exemption, GrantStatus, Outcome, Permit, Rule
from services.shared.rules.schedule import CityClock, Schedule, Validity, Window


class World(NamedTuple):
    clock: CityClock
    start: datetime
    rules: list[Rule]
    vehicle: VehicleFacts
    place: frozenset[UUID]
    permits: list[Permit]
    exemptions: list[Exemption]


MINUTE = timedelta(minutes=1)
SPAN = timedelta(hours=40)
AREAS = [UUID(int=n) for n in (1, 2, 3)]
CAR = UUID(int=99)
# Ordinary days, and a day around each kind of clock shift: Berlin forward and back (02:00/03:00), Cairo
# forward at midnight and back at midnight, Shanghai never.
STARTS = [
    ("Asia/Shanghai", datetime(2026, 11, 22, 6, 17, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 28, 10, 0, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 15, 30, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 8, 0, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 8, 0, tzinfo=UTC)),
]

minutes = st.sampled_from([0, 30, 60, 90, 120, 150, 180, 360, 1320, 1380, 1410, 1439])
windows = st.builds(
    lambda pair: Window(pair[0], pair[1]),
    st.tuples(minutes, minutes | st.just(1440)).filter(lambda pair: pair[0] != pair[1]),
)
schedules = st.builds(
    Schedule,
    st.frozensets(st.integers(1, 7), min_size=2),
    st.lists(windows, max_size=2).map(tuple),
    st.booleans(),
)
area_sets = st.frozensets(st.sampled_from(AREAS), min_size=1)
conditions = st.sampled_from(
    [
        Conditions(),
        Conditions(max_gross_mass_kg=4500),
        Conditions(min_gross_mass_kg=4501),
        Conditions(vehicle_types=("H1", "H2")),
        Conditions(powertrains=frozenset({"BEV"}), vehicle_types=("H3",)),
    ]
)
vehicles = st.builds(
    VehicleFacts,
    id=st.just(CAR),
    vehicle_type=st.sampled_from([None, "H12", "H32"]),
    powertrain=st.sampled_from([None, "BEV", "ICE"]),
    gross_mass_kg=st.sampled_from([None, 4500, 12000]),
)


@st.composite
def validities(draw: st.DrawFn, start: datetime) -> Validity:
    first = start + MINUTE * draw(st.integers(-1000, 2000))
    length = draw(st.none() | st.integers(1, 3000))
    return Validity(first, None if length is None else first + MINUTE * length)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    zone, start = draw(st.sampled_from(STARTS))
    start += MINUTE * draw(st.integers(0, 300))
    calendar: dict[date, int] = draw(
        st.dictionaries(
            st.integers(-1, 3).map(lambda n: start.date() + timedelta(days=n)), st.integers(1, 7), max_size=3
        )
    )
    number = iter(range(100, 200))
    rules = [
        Rule(
            id=UUID(int=next(number)),
            code=f"R{index}",
            area_ids=draw(area_sets),
            effect=draw(st.sampled_from(Effect)),
            validity=draw(validities(start)),
            schedule=draw(schedules),
            conditions=draw(conditions),
            priority=draw(st.integers(0, 2)),
            permit_types=draw(st.sampled_from([frozenset(), frozenset({"x"})])),
        )
        for index in range(draw(st.integers(0, 6)))
    ]
    statuses = st.sampled_from([GrantStatus.ACTIVE, GrantStatus.ACTIVE, GrantStatus.SUSPENDED])
    common = [draw(st.tuples(area_sets, validities(start), schedules, statuses)) for _ in range(4)]
    owners = [draw(st.sampled_from([CAR, CAR, UUID(int=98)])) for _ in common]
    permits = [
        Permit(UUID(int=next(number)), "P", owner, *grant, draw(st.sampled_from([None, "x"])))
        for owner, grant in zip(owners[:2], common[:2], strict=True)
    ]
    exemptions = [
        Exemption(UUID(int=next(number)), "E", owner, *grant)
        for owner, grant in zip(owners[2:], common[2:], strict=True)
    ]
    return World(
        CityClock(ZoneInfo(zone), calendar),
        start,
        rules,
        draw(vehicles),
        draw(area_sets),
        permits[: draw(st.integers(0, 2))],
        exemptions[: draw(st.integers(0, 2))],
    )


def in_hours(schedule: Schedule, clock: CityClock, at: datetime) -> bool:
    wall = at.astimezone(clock.zone)
    minute = wall.hour * 60 + wall.minute

    def counts(day: date) -> bool:
        weekday = clock.calendar.get(day) if schedule.holiday_calendar else None
        return (weekday or day.isoweekday()) in schedule.weekdays

    if not schedule.windows:
        return counts(wall.date())
    for window in schedule.windows:
        length = (window.end - window.start) % 1440 or 1440
        # The window started today or yesterday, and the wall clock has not reached its end.
        for back in (0, 1):
            if counts(wall.date() - timedelta(days=back)):
                since = minute + 1440 * back - window.start
                if 0 <= since < length:
                    return True
    return False


def in_validity(validity: Validity, at: datetime) -> bool:
    return at >= validity.start and (validity.end is None or at < validity.end)


def applies(rule: Rule, vehicle: VehicleFacts) -> bool | None:
    verdicts: list[bool | None] = []
    wanted = rule.conditions
    if wanted.vehicle_types is not None:
        known = vehicle.vehicle_type
        verdicts.append(None if known is None else known[:2] in wanted.vehicle_types)
    if wanted.powertrains is not None:
        verdicts.append(None if vehicle.powertrain is None else vehicle.powertrain in wanted.powertrains)
    mass = vehicle.gross_mass_kg
    if wanted.max_gross_mass_kg is not None:
        verdicts.append(None if mass is None else mass <= wanted.max_gross_mass_kg)
    if wanted.min_gross_mass_kg is not None:
        verdicts.append(None if mass is None else mass >= wanted.min_gross_mass_kg)
    if False in verdicts:
        return False
    return None if None in verdicts else True


def lifted(world: World, rule: Rule, at: datetime) -> bool:
    if rule.effect is Effect.ALLOW:
        return True
    grants: list[Permit] | list[Exemption] = world.exemptions
    if rule.effect is Effect.PERMIT_REQUIRED:
        grants = [p for p in world.permits if not rule.permit_types or p.permit_type in rule.permit_types]
    return any(
        grant.status is GrantStatus.ACTIVE
        and grant.vehicle_id == CAR
        and not grant.area_ids.isdisjoint(world.place)
        and in_validity(grant.validity, at)
        and in_hours(grant.schedule, world.clock, at)
        for grant in grants
    )


def decide(held: list[tuple[Rule, bool]]) -> Outcome:
    """Outcome of surely applying rules, each with whether it is lifted."""
    if not held:
        return Outcome.ALLOWED
    mildness = [Effect.BAN, Effect.PERMIT_REQUIRED, Effect.ALLOW]
    top = max((rule.priority, mildness.index(rule.effect)) for rule, _ in held)
    deciding = [is_lifted for rule, is_lifted in held if (rule.priority, mildness.index(rule.effect)) == top]
    return Outcome.ALLOWED if all(deciding) else Outcome.DENIED


def oracle(world: World, at: datetime) -> Outcome:
    held = [
        (rule, lifted(world, rule, at))
        for rule in world.rules
        if not rule.area_ids.isdisjoint(world.place)
        and in_validity(rule.validity, at)
        and in_hours(rule.schedule, world.clock, at)
    ]
    sure = [entry for entry in held if applies(entry[0], world.vehicle) is True]
    doubtful = [entry for entry in held if applies(entry[0], world.vehicle) is None]
    possible = {decide(sure)} | {decide([*sure, entry]) for entry in doubtful}
    return possible.pop() if len(possible) == 1 else Outcome.UNDETERMINED


@given(worlds())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_minute_of_a_span_agrees_with_the_definition(
    world: World,
) -> None:
    clock, start, rules, vehicle, place, permits, exemptions = world
    end = start + SPAN
    instants = [start + MINUTE * n for n in range(SPAN // MINUTE)]
    expected = [oracle(world, at) for at in instants]
    compiled = RuleSet(rules, clock)

    allowed: set[datetime] = set()
    for interval in allowed_intervals(
        compiled, vehicle, place, start, end, permits=permits, exemptions=exemptions
    ):
        assert start <= interval.start < interval.end <= end
        first, last = ((i - start) / MINUTE for i in (interval.start, interval.end))
        assert first.is_integer()
        assert last.is_integer()
        allowed |= set(instants[int(first) : int(last)])
    assert allowed == {
        at for at, outcome in zip(instants, expected, strict=True) if outcome is Outcome.ALLOWED
    }

    for index in range(0, len(instants), 173):
        verdict = evaluate(
            compiled,
            vehicle,
            place,
            instants[index],
            permits=permits,
            exemptions=exemptions,
            horizon=end - instants[index],
        )
        assert verdict.outcome is expected[index]
        changes = (n for n in range(index, len(expected)) if expected[n] is not expected[index])
        change = next(changes, None)
        assert verdict.until == (None if change is None else instants[change])
        assert bool(verdict.unmet) is (verdict.outcome is not Outcome.ALLOWED)


@given(st.sampled_from(STARTS), schedules)
@settings(max_examples=300, deadline=None)
def test_one_schedule_across_clock_shifts(where: tuple[str, datetime], schedule: Schedule) -> None:
    zone, start = where
    end = start + SPAN
    clock = CityClock(ZoneInfo(zone))
    ban = Rule(
        UUID(int=1), "R", frozenset(AREAS), Effect.BAN, Validity(start - SPAN, end + SPAN), schedule=schedule
    )
    allowed = allowed_intervals(RuleSet([ban], clock), VehicleFacts(), frozenset(AREAS), start, end)

    edges = [(start + MINUTE * n, not in_hours(schedule, clock, start + MINUTE * n)) for n in range(2401)]
    steps = [(at, now) for (at, now), (_, before) in zip(edges[1:], edges, strict=False) if now is not before]
    expected = [at for at, _ in steps if at < end]
    found = [instant for i in allowed for instant in (i.start, i.end) if start < instant < end]
    assert found == expected
