"""The course of a standing against a brute force over days, and worked cases."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.standing import (
    Days,
    Decided,
    Standing,
    Turn,
    at_instant,
    course,
    enterprise_standings,
    next_turn,
    vehicle_standings,
)

ZONE = ZoneInfo("Asia/Shanghai")
BEGIN = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
FIRST = date(2025, 12, 20)
DAYS = st.dates(FIRST, date(2026, 2, 20))


@st.composite
def certificates(draw: st.DrawFn) -> Days:
    first = draw(st.none() | DAYS)
    last = draw(st.none() | DAYS)
    if first is not None and last is not None and last < first:
        first, last = last, first
    return Days(draw(st.sampled_from(("inspection", "insurance"))), first, last)


def lapsed_on(held: list[Days], day: date) -> tuple[str, ...]:
    """The rule of the docstring, day by day: on record since, and not valid on this day."""
    found = []
    for kind in sorted({each.kind for each in held}):
        of_kind = [each for each in held if each.kind == kind]
        begun = [each for each in of_kind if each.first is None or each.first <= day]
        covered = [each for each in begun if each.last is None or day <= each.last]
        if begun and not covered:
            found.append(kind)
    return tuple(found)


@given(st.lists(certificates(), max_size=6))
def test_the_course_says_each_day_what_a_reader_of_the_papers_would(held: list[Days]) -> None:
    turns = course(held, BEGIN, ZONE)
    assert turns[0].since == BEGIN
    assert all(a.since < b.since and a.causes != b.causes for a, b in itertools.pairwise(turns))
    at = BEGIN
    while at < datetime(2026, 3, 1, tzinfo=UTC):
        assert at_instant(turns, at) == lapsed_on(held, at.astimezone(ZONE).date()), at
        at += timedelta(hours=1)


def test_a_day_ends_at_the_citys_midnight() -> None:
    turns = course([Days("insurance", None, date(2026, 1, 31))], BEGIN, ZONE)
    midnight = datetime(2026, 1, 31, 16, tzinfo=UTC)
    assert turns == [Turn(BEGIN, ()), Turn(midnight, ("insurance",))]
    assert at_instant(turns, midnight - timedelta(milliseconds=1)) == ()
    assert at_instant(turns, midnight) == ("insurance",)
    assert next_turn(turns, BEGIN) == midnight
    assert next_turn(turns, midnight) is None


def test_a_renewal_restores_from_its_first_day_and_leaves_the_gap() -> None:
    held = [Days("inspection", None, date(2026, 1, 10)), Days("inspection", date(2026, 1, 15), None)]
    assert [(turn.since, turn.causes) for turn in course(held, BEGIN, ZONE)] == [
        (BEGIN, ()),
        (datetime(2026, 1, 10, 16, tzinfo=UTC), ("inspection",)),
        (datetime(2026, 1, 14, 16, tzinfo=UTC), ()),
    ]


def test_what_was_never_on_record_does_not_lapse() -> None:
    assert course([], BEGIN, ZONE) == [Turn(BEGIN, ())]
    later = course([Days("insurance", date(2026, 2, 1), date(2026, 2, 1))], BEGIN, ZONE)
    assert [turn.causes for turn in later] == [(), ("insurance",)]


def test_a_vehicle_is_lapsed_while_any_paper_is() -> None:
    turns = [Turn(BEGIN, ()), Turn(BEGIN + timedelta(1), ("inspection", "insurance"))]
    assert vehicle_standings(turns) == [
        Standing(BEGIN, "active"),
        Standing(BEGIN + timedelta(1), "lapsed", ("inspection", "insurance")),
    ]


def test_a_lapse_suspends_a_firm_unless_an_official_already_has() -> None:
    day = timedelta(days=1)
    decided = [
        Decided(BEGIN, "active"),
        Decided(BEGIN + 4 * day, "suspended"),
        Decided(BEGIN + 6 * day, "active"),
    ]
    turns = [Turn(BEGIN, ()), Turn(BEGIN + 2 * day, ("business_licence",)), Turn(BEGIN + 8 * day, ())]
    lapsed = ("business_licence",)
    assert enterprise_standings(decided, turns) == [
        Standing(BEGIN, "active"),
        Standing(BEGIN + 2 * day, "suspended", lapsed, lapsed),
        Standing(BEGIN + 4 * day, "suspended", (), lapsed),
        Standing(BEGIN + 6 * day, "suspended", lapsed, lapsed),
        Standing(BEGIN + 8 * day, "active"),
    ]
    assert enterprise_standings([], turns) == []
