"""The evaluator's semantics, case by case."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from services.shared.rules.conditions import ANY_VEHICLE, FACT_NAMES, Conditions, VehicleFacts
from services.shared.rules.evaluate import RuleSet, allowed_intervals, evaluate, first_allowed
from services.shared.rules.records import (
    Basis,
    Effect,
    Exemption,
    GrantStatus,
    Outcome,
    Permit,
    Rule,
    Verdict,
)
from services.shared.rules.schedule import CityClock, Schedule, Validity, Window

SHANGHAI = ZoneInfo("Asia/Shanghai")
CLOCK = CityClock(SHANGHAI)
CORE, RING, ELSEWHERE = uuid4(), uuid4(), uuid4()
VAN = VehicleFacts(
    id=uuid4(),
    plate_color=94,
    vehicle_type="H32",
    powertrain="BEV",
    gross_mass_kg=4495,
    payload_kg=1500,
    length_m=5.99,
    width_m=2.1,
    height_m=2.8,
    refrigeration="none",
    emission_stage=0,
)
FOREVER = Validity(datetime(2020, 1, 1, tzinfo=UTC))


def rule(effect: Effect, code: str = "R", **other: Any) -> Rule:
    values: dict[str, Any] = {"area_ids": frozenset({CORE}), "validity": FOREVER} | other
    return Rule(id=uuid4(), code=code, effect=effect, **values)


def permit(**other: Any) -> Permit:
    values: dict[str, Any] = {
        "code": "P",
        "vehicle_id": VAN.id,
        "area_ids": frozenset({CORE}),
        "validity": FOREVER,
    }
    return Permit(id=uuid4(), **(values | other))


def exemption(**other: Any) -> Exemption:
    values: dict[str, Any] = {
        "code": "E",
        "vehicle_id": VAN.id,
        "area_ids": frozenset({CORE}),
        "validity": FOREVER,
    }
    return Exemption(id=uuid4(), **(values | other))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def ask(*rules: Rule, at: str = "2026-11-23T12:00", clock: CityClock = CLOCK, **grants: Any) -> Verdict:
    vehicle = grants.pop("vehicle", VAN)
    place = grants.pop("place", frozenset({CORE}))
    return evaluate(RuleSet(rules, clock), vehicle, place, local(at), **grants)


def codes(verdict: Verdict) -> list[str]:
    return [reason.code for reason in verdict.unmet]


ALLOW, PERMIT, BAN = Effect.ALLOW, Effect.PERMIT_REQUIRED, Effect.BAN


def test_no_rule_means_allowed() -> None:
    assert ask() == Verdict(Outcome.ALLOWED)
    assert ask(rule(BAN), place=frozenset({ELSEWHERE})) == Verdict(Outcome.ALLOWED)
    assert ask(rule(BAN), place=frozenset()).outcome is Outcome.ALLOWED


def test_a_ban_yields_to_an_exemption_only() -> None:
    ban = rule(BAN)
    denied = ask(ban, permits=[permit()])
    assert denied.outcome is Outcome.DENIED
    assert denied.basis == (Basis("rule", ban.id, "R"),)
    assert codes(denied) == ["banned"]
    free = exemption()
    allowed = ask(ban, exemptions=[free])
    assert allowed.outcome is Outcome.ALLOWED
    assert allowed.basis == (Basis("rule", ban.id, "R"), Basis("exemption", free.id, "E"))
    assert allowed.unmet == ()


def test_a_permit_lifts_permit_required_only() -> None:
    needs = rule(PERMIT)
    assert codes(ask(needs)) == ["permit_required"]
    assert codes(ask(needs, exemptions=[exemption()])) == ["permit_required"]
    held = permit()
    allowed = ask(needs, permits=[held])
    assert allowed.outcome is Outcome.ALLOWED
    assert allowed.basis == (Basis("rule", needs.id, "R"), Basis("permit", held.id, "P"))


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        ((ALLOW, 0), (BAN, 0), Outcome.ALLOWED),
        ((ALLOW, 0), (PERMIT, 0), Outcome.ALLOWED),
        ((ALLOW, 0), (BAN, 1), Outcome.DENIED),
        ((ALLOW, 1), (BAN, 0), Outcome.ALLOWED),
        ((PERMIT, 0), (BAN, 1), Outcome.DENIED),
        ((PERMIT, 1), (ALLOW, 0), Outcome.DENIED),
    ],
)
def test_order(first: tuple[Effect, int], second: tuple[Effect, int], outcome: Outcome) -> None:
    pair = [rule(effect, priority=priority) for effect, priority in (first, second)]
    assert ask(*pair).outcome is outcome
    assert ask(*reversed(pair)).outcome is outcome


def test_permit_required_stands_before_a_ban_of_the_same_priority() -> None:
    assert ask(rule(BAN), rule(PERMIT), permits=[permit()]).outcome is Outcome.ALLOWED
    assert codes(ask(rule(BAN), rule(PERMIT))) == ["permit_required"]


def test_equal_rules_must_each_be_lifted() -> None:
    plain, special = rule(PERMIT, "A"), rule(PERMIT, "B", permit_types=frozenset({"old-town"}))
    verdict = ask(plain, special, permits=[permit()])
    assert verdict.outcome is Outcome.DENIED
    assert [basis.code for basis in verdict.basis] == ["B"]
    assert codes(verdict) == ["permit_required", "permit_wrong_type"]
    assert ask(plain, special, permits=[permit(permit_type="old-town")]).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": GrantStatus.SUSPENDED}, "permit_suspended"),
        ({"status": GrantStatus.REVOKED}, "permit_revoked"),
        ({"validity": Validity(FOREVER.start, local("2026-11-23T12:00"))}, "permit_expired"),
        ({"validity": Validity(local("2026-11-23T12:01"))}, "permit_not_yet_valid"),
        ({"schedule": Schedule(windows=(Window.parse("00:00", "06:00"),))}, "permit_outside_hours"),
        ({"schedule": Schedule(weekdays=frozenset({2}))}, "permit_outside_hours"),
    ],
)
def test_a_permit_out_of_force_is_named(change: dict[str, Any], code: str) -> None:
    verdict = ask(rule(PERMIT), permits=[permit(**change)])
    assert verdict.outcome is Outcome.DENIED
    assert codes(verdict) == ["permit_required", code]
    assert all(reason.zh and reason.en for reason in verdict.unmet)


def test_a_permit_of_another_vehicle_or_place_counts_nothing() -> None:
    others = [permit(vehicle_id=uuid4()), permit(area_ids=frozenset({ELSEWHERE}))]
    assert codes(ask(rule(PERMIT), permits=others)) == ["permit_required"]
    assert ask(rule(PERMIT), permits=[permit()], vehicle=VehicleFacts()).outcome is Outcome.DENIED


def test_a_permit_for_a_containing_area_counts() -> None:
    wide = permit(area_ids=frozenset({RING}))
    assert ask(rule(PERMIT), permits=[wide], place={CORE, RING}).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("conditions", "applies"),
    [
        (Conditions(plate_colors=frozenset({2})), False),
        (Conditions(plate_colors=frozenset({93, 94})), True),
        (Conditions(vehicle_types=("H1", "H2")), False),
        (Conditions(vehicle_types=("H1", "H3")), True),
        (Conditions(powertrains=frozenset({"ICE"})), False),
        (Conditions(refrigeration=frozenset({"refrigerated"})), False),
        (Conditions(max_gross_mass_kg=4495), True),
        (Conditions(max_gross_mass_kg=4494), False),
        (Conditions(min_gross_mass_kg=4495), True),
        (Conditions(min_gross_mass_kg=4496), False),
        (Conditions(max_length_m=6, max_width_m=2.2, max_height_m=2.8), True),
        (Conditions(max_length_m=6, max_width_m=2.2, min_height_m=2.81), False),
        (Conditions(min_payload_kg=1500, max_payload_kg=1500), True),
        (Conditions(min_length_m=5.99, min_width_m=2.1), True),
        (Conditions(min_emission_stage=1, max_emission_stage=3), False),
        (ANY_VEHICLE, True),
    ],
)
def test_conditions(conditions: Conditions, applies: bool) -> None:
    assert (ask(rule(BAN, conditions=conditions)).outcome is Outcome.DENIED) is applies


def test_a_missing_fact_is_named() -> None:
    heavy = rule(BAN, conditions=Conditions(min_gross_mass_kg=4501, vehicle_types=("H",)))
    unknown = VehicleFacts(id=VAN.id, vehicle_type="H32")
    verdict = ask(heavy, vehicle=unknown)
    assert verdict.outcome is Outcome.UNDETERMINED
    assert codes(verdict) == ["missing_fact.gross_mass_kg"]
    assert verdict.basis == (Basis("rule", heavy.id, "R"),)
    assert ask(heavy, vehicle=VehicleFacts(vehicle_type="Q11")).outcome is Outcome.ALLOWED


def test_a_missing_fact_that_changes_nothing_is_not_asked_for() -> None:
    doubtful = rule(BAN, "D", conditions=Conditions(min_gross_mass_kg=4501), priority=5)
    unknown = VehicleFacts(id=VAN.id)
    assert ask(doubtful, rule(BAN), vehicle=unknown).outcome is Outcome.DENIED
    assert ask(doubtful, rule(ALLOW, priority=6), vehicle=unknown).outcome is Outcome.ALLOWED
    assert ask(doubtful, vehicle=unknown, exemptions=[exemption()]).outcome is Outcome.ALLOWED
    assert ask(doubtful, rule(ALLOW), vehicle=unknown).outcome is Outcome.UNDETERMINED


def test_a_doubtful_rule_beside_an_unlifted_one_changes_nothing() -> None:
    special = rule(PERMIT, "A", permit_types=frozenset({"old-town"}))
    doubtful = rule(PERMIT, "B", conditions=Conditions(min_gross_mass_kg=4501))
    verdict = ask(special, doubtful, vehicle=VehicleFacts(id=VAN.id), permits=[permit()])
    assert verdict.outcome is Outcome.DENIED


def test_every_fact_has_a_name() -> None:
    assert set(FACT_NAMES) == set(VehicleFacts.__dataclass_fields__) - {"id"}


# The plan's roads open 00:00-06:00 and a night ban that crosses midnight; 2026-11-23 is a Monday.
NIGHT = Schedule(weekdays=frozenset({1}), windows=(Window.parse("22:00", "06:00"),))


@pytest.mark.parametrize(
    ("at", "outcome", "until"),
    [
        ("2026-11-23T05:59", Outcome.ALLOWED, "2026-11-23T22:00"),
        ("2026-11-23T21:59:59.999", Outcome.ALLOWED, "2026-11-23T22:00"),
        ("2026-11-23T22:00", Outcome.DENIED, "2026-11-24T06:00"),
        ("2026-11-24T00:00", Outcome.DENIED, "2026-11-24T06:00"),
        ("2026-11-24T05:59:59.999", Outcome.DENIED, "2026-11-24T06:00"),
        ("2026-11-24T06:00", Outcome.ALLOWED, "2026-11-30T22:00"),
        ("2026-11-24T23:00", Outcome.ALLOWED, "2026-11-30T22:00"),
    ],
)
def test_a_window_across_midnight_belongs_to_the_day_it_starts(at: str, outcome: Outcome, until: str) -> None:
    verdict = ask(rule(BAN, schedule=NIGHT), at=at)
    assert verdict.outcome is outcome
    assert verdict.until == local(until)


def test_until_is_none_when_nothing_changes() -> None:
    assert ask(rule(BAN)).until is None
    every_day = Schedule(windows=(Window.parse("00:00", "24:00"),))
    assert ask(rule(BAN, schedule=every_day)).until is None
    late = Validity(local("2027-11-23T12:00"))
    assert ask(rule(BAN, validity=late)).until is None
    assert ask(rule(BAN, validity=late), horizon=timedelta(days=400)).until == late.start


def test_until_sees_the_end_of_a_permit() -> None:
    ends = Validity(FOREVER.start, local("2026-11-25T00:00"))
    assert ask(rule(PERMIT), permits=[permit(validity=ends)]).until == ends.end
    following = permit(validity=Validity(local("2026-11-25T00:00"), local("2026-11-26T10:30")))
    both = ask(rule(PERMIT), permits=[permit(validity=ends), following])
    assert both.until == local("2026-11-26T10:30")


def test_the_calendar_counts_only_for_rules_that_ask_for_it() -> None:
    workdays = frozenset(range(1, 6))
    # 2026-10-01 (Thursday) is a holiday; the Saturday 2026-10-10 is worked as a Thursday.
    clock = CityClock(SHANGHAI, {date(2026, 10, 1): 7, date(2026, 10, 10): 4})
    with_it = rule(BAN, schedule=Schedule(workdays, holiday_calendar=True))
    without = rule(BAN, schedule=Schedule(workdays))
    for at, counted, plain in [
        ("2026-10-01T12:00", Outcome.ALLOWED, Outcome.DENIED),
        ("2026-10-10T12:00", Outcome.DENIED, Outcome.ALLOWED),
        ("2026-10-09T12:00", Outcome.DENIED, Outcome.DENIED),
    ]:
        assert ask(with_it, at=at, clock=clock).outcome is counted
        assert ask(without, at=at, clock=clock).outcome is plain
    assert ask(with_it, at="2026-10-09T12:00", clock=clock).until == local("2026-10-11T00:00")


def test_a_validity_may_end_after_the_last_hour_of_a_window() -> None:
    morning = rule(BAN, schedule=Schedule(windows=(Window.parse("06:00", "07:00"),)))
    ends = rule(BAN, validity=Validity(FOREVER.start, local("2026-11-23T18:00")))
    rules = RuleSet([morning, ends], CLOCK)
    span = local("2026-11-23T08:00"), local("2026-11-23T20:00")
    assert first_allowed(rules, VAN, {CORE}, *span) == local("2026-11-23T18:00")


def test_validity_is_half_open() -> None:
    noon = local("2026-11-23T12:00")
    assert ask(rule(BAN, validity=Validity(noon))).outcome is Outcome.DENIED
    assert ask(rule(BAN, validity=Validity(FOREVER.start, noon))).outcome is Outcome.ALLOWED


def test_allowed_intervals_and_the_first_allowed_instant() -> None:
    peaks = Schedule(windows=(Window.parse("07:00", "09:00"), Window.parse("16:00", "19:00")))
    rules = RuleSet([rule(BAN, schedule=peaks)], CLOCK)
    span = local("2026-11-23T08:00"), local("2026-11-23T20:00")
    found = allowed_intervals(rules, VAN, {CORE}, *span)
    assert [(i.start, i.end) for i in found] == [
        (local("2026-11-23T09:00"), local("2026-11-23T16:00")),
        (local("2026-11-23T19:00"), local("2026-11-23T20:00")),
    ]
    assert first_allowed(rules, VAN, {CORE}, *span) == local("2026-11-23T09:00")
    assert first_allowed(rules, VAN, {CORE}, *span, minimum=timedelta(hours=8)) is None
    assert allowed_intervals(rules, VAN, {CORE}, span[1], span[0]) == ()


def test_malformed_records_are_refused() -> None:
    for start, end in [
        ("24:00", "06:00"),
        ("7:00", "09:00"),
        ("07:00", "07:00"),
        ("25:00", "1:00"),
        ("", ""),
    ]:
        with pytest.raises(ValueError, match=r"window|time of day"):
            Window.parse(start, end)
    with pytest.raises(ValueError, match="weekdays"):
        Schedule(frozenset({0}))
    with pytest.raises(ValueError, match="names no area"):
        rule(BAN, area_ids=frozenset[UUID]())
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(ValueError, match="offset"):
        Validity(naive)
    with pytest.raises(ValueError, match="offset"):
        evaluate(RuleSet([], CLOCK), VAN, {CORE}, naive)
