"""Promise 5: mending just the named causes makes a vehicle feasible. Promise 6: never against the rules."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.candidates import Matching
from services.matching.domain.cargo import TemperatureClass
from services.matching.domain.causes import Cause
from services.matching.domain.job import Stop
from services.matching.domain.restrictions import Grant
from services.shared.ids import new_id
from services.shared.rules.conditions import Conditions
from services.shared.rules.evaluate import Case as RuleCase
from services.shared.rules.evaluate import RuleSet
from services.shared.rules.records import Effect, Exemption, Outcome, Permit, Rule
from services.shared.rules.schedule import CityClock, Schedule, Validity, Window
from services.shared.rules.standing import Course, Standing
from services.shared.schemas import format_instant
from services.shared.standards.zones import CITY_ZONE
from tests.matching.domain import fleets as make

_MINUTES = st.integers(0, 95).map(lambda quarter: quarter * 15)
_FAR = (125.0, 43.0)
_QUARTER = timedelta(minutes=15)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    days = draw(st.sampled_from([frozenset(range(1, 8)), frozenset({1}), frozenset({2, 3})]))
    pairs = draw(st.lists(st.tuples(_MINUTES, _MINUTES).filter(lambda p: p[0] != p[1]), max_size=2))
    return Schedule(days, tuple(Window(*pair) for pair in pairs))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    conditions = draw(
        st.sampled_from(
            [
                Conditions(),
                Conditions(powertrains=frozenset({"ICE"})),
                Conditions(powertrains=frozenset({"BEV"})),
                Conditions(min_gross_mass_kg=4000),
                Conditions(max_length_m=6),
            ]
        )
    )
    return Rule(
        id=new_id(),
        code=f"R{draw(st.integers(0, 999))}",
        area_ids=frozenset(
            draw(st.sets(st.sampled_from([make.ORIGIN_AREA, make.DESTINATION_AREA]), min_size=1))
        ),
        effect=draw(st.sampled_from(Effect)),
        validity=Validity(make.SINCE, draw(st.sampled_from([None, make.NOW + timedelta(hours=1)]))),
        schedule=draw(schedules()),
        conditions=conditions,
        priority=draw(st.integers(0, 2)),
        permit_types=frozenset(draw(st.sets(st.sampled_from(["day", "night"]), max_size=2))),
    )


@st.composite
def grants(draw: st.DrawFn, vehicle_id: UUID) -> Grant:
    areas = frozenset(draw(st.sets(st.sampled_from([make.ORIGIN_AREA, make.DESTINATION_AREA]), min_size=1)))
    schedule = draw(schedules())
    if draw(st.booleans()):
        kind = draw(st.sampled_from(["day", "night"]))
        return Permit(
            new_id(), "P", vehicle_id, areas, Validity(make.SINCE), schedule=schedule, permit_type=kind
        )
    return Exemption(new_id(), "E", vehicle_id, areas, Validity(make.SINCE), schedule=schedule)


@st.composite
def courses(draw: st.DrawFn, kinds: list[str], *, decided: bool = False) -> Course:
    """Up to six turns around the job's hours, on quarters of an hour; officials decide about firms alone."""
    if draw(st.booleans()):
        return make.IN_ORDER
    quarters = sorted(draw(st.sets(st.integers(-8, 56), max_size=5)))
    begins = [make.SINCE, *(make.NOW + n * _QUARTER for n in quarters)]
    lapses = st.just(()) | st.sets(st.sampled_from(kinds)).map(lambda found: tuple(sorted(found)))
    opened = st.sampled_from([True, True, False] if decided else [True])
    return Course(tuple(Standing(begin, draw(opened), draw(lapses)) for begin in begins))


@st.composite
def cases(draw: st.DrawFn) -> make.Case:
    vehicle = make.vehicle(
        valid_to=draw(st.sampled_from([None, make.NOW + timedelta(hours=3), make.NOW + timedelta(hours=4)])),
        payload_kg=draw(st.sampled_from([400.0, 800.0, 2000.0])),
        volume_m3=draw(st.sampled_from([None, 3.9, 4.0, 9.0])),
        refrigeration=draw(st.sampled_from(["none", "insulated", "refrigerated"])),
        papers=draw(courses(["inspection", "insurance"])),
        known={
            "powertrain": draw(st.sampled_from(["BEV", "ICE"])),
            "length_m": draw(st.sampled_from([None, 5.9])),
        },
    )
    job = make.job(
        temperature=draw(st.sampled_from(TemperatureClass)),
        hours=draw(st.sampled_from([((0, 2), (0.5, 4)), ((0, 4), (0, 4)), ((3, 10), (3, 12))])),
    )
    booked = frozenset({vehicle.id}) if draw(st.integers(0, 4)) == 0 else frozenset()
    return make.Case(
        vehicle=vehicle,
        firm=draw(courses(["business_licence", "express_permit"], decided=True)),
        position=draw(st.sampled_from([None, make.ORIGIN, make.ORIGIN, _FAR])),
        age_s=draw(st.sampled_from([0.0, 900.0, 901.0])),
        rules=draw(st.lists(rules(), max_size=5)),
        grants=draw(st.lists(grants(vehicle.id), max_size=2)),
        job=replace(job, booked=booked),
    )


def _mend_barrier(case: make.Case, cause: Cause) -> None:
    """Issue what a cause asks for: permits of the named types for the named areas, or an exemption."""
    areas = frozenset(UUID(text) for text in cause.detail["area_ids"])
    always = Validity(make.SINCE)
    if cause.code == "rule":
        case.grants.append(Exemption(new_id(), "E", case.vehicle.id, areas, always))
        return
    for kind in cause.detail["permit_types"] or ["any"]:
        case.grants.append(Permit(new_id(), "P", case.vehicle.id, areas, always, permit_type=kind))


def _renewed(course: Course, cause: Cause) -> Course:
    """What a cause asks for: the named papers in force for good, and nothing else."""
    named = set(cause.detail["causes"])
    return Course(
        tuple(replace(each, lapses=tuple(sorted({*each.lapses} - named))) for each in course.standings)
    )


def _reinstate(case: make.Case, _cause: Cause) -> None:
    case.firm = Course(tuple(replace(each, open=True) for each in case.firm.standings))


def _renew_licences(case: make.Case, cause: Cause) -> None:
    case.firm = _renewed(case.firm, cause)


def _renew_papers(case: make.Case, cause: Cause) -> None:
    case.change(papers=_renewed(case.vehicle.papers, cause))


def _mend_position(case: make.Case, _cause: Cause) -> None:
    case.position, case.age_s = make.ORIGIN, 0


_MENDS: dict[str, Callable[[make.Case, Cause], None]] = {
    "enterprise_not_active": _reinstate,
    "enterprise_lapsed": _renew_licences,
    "vehicle_lapsed": _renew_papers,
    "vehicle_not_valid": lambda case, _: case.change(valid_to=None),
    "no_position": _mend_position,
    "position_stale": lambda case, _: setattr(case, "age_s", 0),
    "distance": lambda case, _: setattr(case, "position", make.ORIGIN),
    "capacity_weight": lambda case, _: case.change(payload_kg=case.job.weight_kg),
    "capacity_volume": lambda case, _: case.change(volume_m3=case.job.volume_m3),
    "refrigeration": lambda case, cause: case.change(refrigeration=cause.detail["needed"][0]),
    "booked": lambda case, _: setattr(case, "job", replace(case.job, booked=frozenset())),
    "permit": _mend_barrier,
    "rule": _mend_barrier,
}


def _is_feasible(matching: Matching) -> bool:
    ranked, refused = matching.among(np.array([0], np.intp))
    assert len(ranked) + len(refused) == 1
    return len(ranked) == 1


@settings(max_examples=150, deadline=None)
@given(cases())
def test_mending_just_the_named_causes_makes_it_feasible(case: make.Case) -> None:
    causes = case.matching().causes(0)
    assert _is_feasible(case.matching()) is not bool(causes)
    for cause in causes:
        _MENDS[cause.code](case, cause)
    assert [c.code for c in case.matching().causes(0)] == []
    assert _is_feasible(case.matching())


@settings(max_examples=150, deadline=None)
@given(cases(), st.data())
def test_each_named_cause_stands_in_the_way_by_itself(case: make.Case, data: st.DataObject) -> None:
    causes = case.matching().causes(0)
    if not causes:
        return
    left = data.draw(st.sampled_from(causes))
    for cause in causes:
        if cause is not left:
            _MENDS[cause.code](case, cause)
    codes = {c.code for c in case.matching().causes(0)}
    assert left.code in codes or (left.code == "rule" and "permit" in codes)


def _allowed(case: make.Case, stop: Stop, at: datetime) -> bool:
    areas = frozenset(covering.area_id for covering in stop.covered_by)
    facts = replace(case.vehicle.facts, id=case.vehicle.id)
    permits = [g for g in case.grants if isinstance(g, Permit)]
    exemptions = [g for g in case.grants if isinstance(g, Exemption)]
    rules_of = RuleSet(case.rules, CityClock(CITY_ZONE))
    return RuleCase(rules_of, facts, areas, permits, exemptions).answer(at).outcome is Outcome.ALLOWED


def _minutes(stop: Stop) -> list[datetime]:
    count = int((stop.end - stop.start).total_seconds() // 60)
    return [stop.start + timedelta(minutes=n) for n in range(0, count, 5)]


@settings(max_examples=100, deadline=None)
@given(cases())
def test_no_match_goes_where_the_rules_at_that_hour_forbid(case: make.Case) -> None:
    """The oracle asks the evaluator every five minutes; all schedules change on quarters of an hour."""
    matching = case.matching()
    pickups = [t for t in _minutes(case.job.pickup) if _allowed(case, case.job.pickup, t)]
    deliveries = [t for t in _minutes(case.job.delivery) if _allowed(case, case.job.delivery, t)]
    possible = bool(pickups and deliveries and pickups[0] <= deliveries[-1])
    assert matching.access.allows_vehicle(case.vehicle) is possible


def _holds(course: Course, at: datetime) -> bool:
    begun = [each for each in course.standings if each.since <= at]
    standing = begun[-1] if begun else course.standings[0]
    return standing.open and not standing.lapses


@settings(max_examples=150, deadline=None)
@given(cases())
def test_lapses_and_suspensions_are_judged_exactly_over_the_hours_of_the_job(case: make.Case) -> None:
    """The oracle looks at every quarter of an hour from the pickup's start to the delivery's end, and now."""
    start, end = case.job.pickup.start, case.job.delivery.end
    hours = [start + n * _QUARTER for n in range((end - start) // _QUARTER)]
    firm = all(_holds(case.firm, at) for at in [make.NOW, *hours])
    papers = all(_holds(case.vehicle.papers, at) for at in hours)
    named = {cause.code for cause in case.matching().causes(0)}
    assert (named & {"enterprise_not_active", "enterprise_lapsed"} == set()) is firm
    assert ("vehicle_lapsed" not in named) is papers
    if not (firm and papers):
        assert not _is_feasible(case.matching())


def test_a_lapse_ahead_counts_from_its_instant_and_one_after_the_job_does_not() -> None:
    """Insurance ends at an instant around the delivery's end; half-open hours, as everywhere."""
    end = make.job().delivery.end
    for lapse, expected in (
        (end - timedelta(milliseconds=1), ["vehicle_lapsed"]),
        (end, []),
        (end + timedelta(milliseconds=1), []),
    ):
        papers = Course((Standing(make.SINCE), Standing(lapse, lapses=("insurance",))))
        case = make.Case(vehicle=make.vehicle(papers=papers))
        assert [cause.code for cause in case.matching().causes(0)] == expected
    case.change(papers=Course((Standing(make.SINCE), Standing(end - _QUARTER, lapses=("insurance",)))))
    detail = case.matching().causes(0)[0].detail
    assert detail == {
        "causes": ["insurance"],
        "since": format_instant(end - _QUARTER),
        "needed_from": format_instant(make.NOW),
        "needed_to": format_instant(end),
    }


def test_every_paper_that_runs_out_in_the_hours_is_named_and_none_after() -> None:
    """Insurance is out from half an hour on, inspection instead an hour later, the third after the job."""
    end = make.job().delivery.end
    turns = [(2, ("insurance",)), (6, ("inspection",)), (8, ())]
    standings = [Standing(make.NOW + n * _QUARTER, lapses=kinds) for n, kinds in turns]
    papers = Course((Standing(make.SINCE), *standings, Standing(end, lapses=("road_transport_certificate",))))
    found = make.Case(vehicle=make.vehicle(papers=papers)).matching().causes(0)
    assert [(cause.code, cause.detail["causes"]) for cause in found] == [
        ("vehicle_lapsed", ["inspection", "insurance"])
    ]
    assert found[0].detail["since"] == format_instant(make.NOW + 2 * _QUARTER)


def test_a_firm_must_be_active_when_it_is_asked_though_the_job_is_later() -> None:
    """The licence is renewed before the pickup; asked today the firm still takes no part."""
    firm = Course((Standing(make.SINCE, lapses=("express_permit",)), Standing(make.NOW + _QUARTER)))
    case = make.Case(firm=firm, job=make.job(hours=((3, 10), (3, 12))))
    found = case.matching().causes(0)
    assert [(cause.code, cause.detail["needed_from"]) for cause in found] == [
        ("enterprise_lapsed", format_instant(make.NOW))
    ]
    case.firm = Course((Standing(make.SINCE), Standing(make.NOW + _QUARTER, lapses=("express_permit",))))
    case.firm = Course((*case.firm.standings, Standing(make.NOW + 2 * _QUARTER)))
    assert case.matching().causes(0) == [], "a gap between now and the pickup asks for nothing"


def _ban(area: UUID, start: str, end: str) -> Rule:
    schedule = Schedule(windows=(Window.parse(start, end),))
    return Rule(new_id(), "R", frozenset({area}), Effect.BAN, Validity(make.SINCE), schedule=schedule)


def test_a_delivery_that_would_have_to_come_before_the_pickup_is_refused() -> None:
    """Each window has allowed hours, but the destination's end (09:00) before the origin's begin (09:30)."""
    before, after = (
        _ban(make.ORIGIN_AREA, "08:00", "09:30"),
        _ban(make.DESTINATION_AREA, "09:00", "20:00"),
    )
    case = make.Case(rules=[before, after], job=make.job(hours=((0, 2), (0, 4))))
    assert [(c.code, c.detail["place"]) for c in case.matching().causes(0)] == [("rule", "destination")]
    assert not _is_feasible(case.matching())
    case.rules = [before]
    assert _is_feasible(case.matching())
    case.rules = [after]
    assert _is_feasible(case.matching())


def test_a_permit_is_named_where_one_would_do_though_a_ban_stands_in_the_window_too() -> None:
    """Banned until 09:00, by permit from then on: the permit is the cause, with an instant after 09:00."""
    permit = Rule(
        new_id(),
        "P1",
        frozenset({make.ORIGIN_AREA}),
        Effect.PERMIT_REQUIRED,
        Validity(make.SINCE),
        permit_types=frozenset({"day"}),
    )
    case = make.Case(rules=[replace(_ban(make.ORIGIN_AREA, "08:00", "09:00"), priority=1), permit])
    causes = case.matching().causes(0)
    assert [c.code for c in causes] == ["permit"]
    assert causes[0].detail["at"] == "2026-11-23T01:00:00.000Z"
    assert causes[0].detail["permit_types"] == ["day"]
