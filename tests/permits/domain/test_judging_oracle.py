"""`judge` against the oracle: random cities, vehicles, permits, instants."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.permits.domain.judging import Book, Grant, Registration, judge
from services.permits.domain.places import AreaIndex, Shape
from services.shared.events.permits import PermitState, RestrictionRuleState
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.evaluate import RuleSet
from services.shared.rules.schedule import CityClock, Validity
from services.shared.rules.standing import Course, Standing
from services.shared.standards.zones import CITY_ZONE
from tests.permits.oracle import World

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
AREA_IDS = [UUID(int=n) for n in range(1, 5)]
ENTERPRISE = UUID(int=99)
VAN = UUID(int=100)
COLOR = 2
OBSTACLES = {"enterprise_not_active", "enterprise_lapsed", "vehicle_lapsed"}

hours = st.integers(-100, 300).map(lambda n: MONDAY + n * HOUR)
weekdays = st.one_of(
    st.just([1, 2, 3, 4, 5, 6, 7]), st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True)
)
clock = st.tuples(st.integers(0, 23), st.integers(0, 23)).filter(lambda pair: pair[0] != pair[1])
windows: st.SearchStrategy[list[tuple[int, int]]] = st.one_of(
    st.just([]), st.lists(clock.map(lambda pair: (pair[0] * 60, pair[1] * 60)), max_size=2)
)


@st.composite
def intervals(draw: st.DrawFn) -> dict[str, datetime | None]:
    if draw(st.booleans()):
        return {"from": MONDAY - 200 * HOUR, "to": None}
    start = draw(hours)
    end = draw(st.one_of(st.none(), st.integers(1, 300).map(lambda n: start + n * HOUR)))
    return {"from": start, "to": end}


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(intervals()), "weekdays": draw(weekdays), "windows": draw(windows)}


conditions: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "plate_colors": st.sampled_from([[1], [2], [1, 2]]),
        "vehicle_types": st.sampled_from([["H3"], ["H1", "H2"]]),
        "powertrains": st.sampled_from([["BEV"], ["ICE"]]),
        "min_gross_mass_kg": st.sampled_from([3000, 4500, 12_000]),
        "max_length_m": st.sampled_from([4.0, 6.0]),
    },
)
rules = st.builds(
    lambda schedule, areas, effect, priority, types, conditions: {
        **schedule,
        "id": uuid4(),
        "areas": areas,
        "effect": effect,
        "priority": priority,
        "types": types,
        "conditions": conditions,
    },
    schedules(),
    st.lists(st.sampled_from(AREA_IDS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["permit_required", "permit_required", "ban", "allow"]),
    st.integers(0, 1),
    st.sampled_from([[], ["a"], ["a", "b"]]),
    conditions,
)
grants = st.builds(
    lambda schedule, areas, lifts, kind, revoked: {
        **schedule,
        "id": uuid4(),
        "vehicle": VAN,
        "areas": areas,
        "lifts": lifts,
        "type": kind,
        "to": schedule["to"] or schedule["from"] + 500 * HOUR,
        "revoked": revoked,
    },
    schedules(),
    st.lists(st.sampled_from(AREA_IDS), min_size=1, max_size=3, unique=True),
    st.sampled_from(["permit_required", "ban"]),
    st.sampled_from(["a", "b"]),
    st.one_of(st.none(), hours),
)
squares = st.one_of(
    st.just((0, 0, 8, 8)),
    st.builds(
        lambda west, south, side: (west, south, west + side, south + side),
        st.integers(0, 4),
        st.integers(0, 4),
        st.integers(1, 4),
    ),
)
shapes = st.builds(
    lambda interval, area_id, square: {**interval, "id": area_id, "square": square},
    intervals(),
    st.sampled_from(AREA_IDS),
    squares,
)
facts = st.fixed_dictionaries(
    {"plate_color": st.just(COLOR)},
    optional={
        "vehicle_type": st.sampled_from(["H32", "H11"]),
        "powertrain": st.sampled_from(["BEV", "ICE"]),
        "gross_mass_kg": st.sampled_from([2999, 4500, 18_000]),
        "length_m": st.sampled_from([3.5, 6.0, 9.0]),
    },
)

turns = st.lists(st.integers(-60, 250), min_size=1, max_size=4, unique=True).map(sorted)
LICENCES, PAPERS = ["business_licence", "road_transport_permit"], ["inspection", "insurance"]


@st.composite
def firm_courses(draw: st.DrawFn) -> list[tuple[datetime, str, list[str]]]:
    """Suspended and reinstated by officials, licences running out and renewed; now and in time to come."""
    status = st.sampled_from(["active", "active", "suspended", "closed"])
    lapses = st.lists(st.sampled_from(LICENCES), unique=True, max_size=2).map(sorted)
    return [(MONDAY + at * HOUR, draw(status), draw(st.just([]) | lapses)) for at in draw(turns)]


@st.composite
def paper_courses(draw: st.DrawFn) -> list[tuple[datetime, list[str]]]:
    lapses = st.lists(st.sampled_from(PAPERS), unique=True, max_size=2).map(sorted)
    return [(MONDAY + at * HOUR, draw(st.just([]) | lapses)) for at in draw(turns)]


def as_firm(course: list[tuple[datetime, str, list[str]]]) -> Course:
    return Course(tuple(Standing(since, status == "active", tuple(found)) for since, status, found in course))


def as_papers(course: list[tuple[datetime, list[str]]]) -> Course:
    return Course(tuple(Standing(since, lapses=tuple(found)) for since, found in course))


def as_rule(rule: dict[str, Any]) -> RestrictionRuleState:
    return RestrictionRuleState.model_validate(
        {
            "id": rule["id"],
            "code": str(rule["id"]),
            "title_zh": "规则",
            "title_en": "rule",
            "area_ids": rule["areas"],
            "effect": rule["effect"],
            "priority": rule["priority"],
            "permit_types": rule["types"],
            "conditions": rule["conditions"],
            **as_schedule(rule),
        }
    )


def as_schedule(timed: dict[str, Any]) -> dict[str, Any]:
    return {
        "weekdays": timed["weekdays"],
        "windows": [
            {"start": f"{start // 60:02d}:00", "end": f"{end // 60:02d}:00"}
            for start, end in timed["windows"]
        ],
        "valid_from": timed["from"],
        "valid_to": timed["to"],
    }


def as_grant(grant: dict[str, Any]) -> Grant:
    state = PermitState.model_validate(
        {
            "id": grant["id"],
            "code": str(grant["id"]),
            "permit_type": grant["type"],
            "lifts": grant["lifts"],
            "vehicle_id": VAN,
            "enterprise_id": ENTERPRISE,
            "area_ids": grant["areas"],
            "status": "revoked" if grant["revoked"] else "active",
            **as_schedule(grant),
        }
    )
    return Grant(state.to_grant(), grant["revoked"])


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    areas=st.lists(shapes, min_size=1, max_size=5),
    rules=st.lists(rules, min_size=1, max_size=3),
    grants=st.lists(grants, max_size=3),
    facts=facts,
    known=st.booleans(),
    firm=firm_courses(),
    papers=paper_courses(),
    ends=st.one_of(st.none(), st.integers(1, 250)),
    at=hours,
    point=st.tuples(st.integers(0, 8), st.integers(0, 8)),
)
def test_verdict_and_until_are_those_of_the_definition(
    areas: list[dict[str, Any]],
    rules: list[dict[str, Any]],
    grants: list[dict[str, Any]],
    facts: dict[str, Any],
    known: bool,
    firm: list[tuple[datetime, str, list[str]]],
    papers: list[tuple[datetime, list[str]]],
    ends: int | None,
    at: datetime,
    point: tuple[int, int],
) -> None:
    ends_at = None if ends is None else at + ends * HOUR
    vehicle = {"id": VAN, "enterprise": ENTERPRISE, "plate": "x", "facts": facts, "papers": papers}
    vehicle |= {"from": at, "to": ends_at}
    world = World(areas, rules, [vehicle] if known else [], grants, {ENTERPRISE: firm})
    book = Book(
        None,
        RuleSet([as_rule(rule).to_rule() for rule in rules], CityClock(CITY_ZONE)),
        {},
        AreaIndex(Shape(a["id"], Validity(a["from"], a["to"]), shapely.box(*a["square"])) for a in areas),
    )
    registration = Registration(
        vehicle_id=VAN,
        enterprise_id=ENTERPRISE,
        firm=as_firm(firm),
        papers=as_papers(papers),
        facts=VehicleFacts(id=VAN, **facts),
        ends_at=ends_at,
        grants=tuple(map(as_grant, grants)),
    )
    answer = judge(book, book.areas.point(*point), registration if known else None, COLOR, at)
    assert answer.outcome.value == world.verdict("x", COLOR, point, at)
    assert answer.until == world.until("x", COLOR, point, at, HOUR)
    standing = [reason.code for reason in answer.unmet if reason.code in OBSTACLES]
    assert standing == world.obstacles("x", COLOR, at)
