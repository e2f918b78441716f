"""Courses of standings against a plain look at every minute, and how published states become courses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.events.registry import EnterpriseState, StandingState, VehicleState
from services.shared.ids import new_id
from services.shared.rules.standing import Course, Standing, enterprise_lapsed, vehicle_lapsed
from services.shared.standards.certificates import CERTIFICATE_NAMES

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, 30)
standings = st.builds(
    lambda at, opened, lapses: Standing(MONDAY + at * MINUTE, opened, tuple(sorted(lapses))),
    minutes,
    st.booleans(),
    st.sets(st.sampled_from(["inspection", "insurance"])),
)
courses = st.lists(standings, min_size=1, max_size=6, unique_by=lambda each: each.since).map(
    lambda found: Course(tuple(sorted(found, key=lambda each: each.since)))
)


def _plain(course: Course, at: datetime) -> Standing:
    """The last that has begun, else the first."""
    begun = [each for each in course.standings if each.since <= at]
    return begun[-1] if begun else course.standings[0]


@given(courses, minutes, minutes)
def test_a_course_is_what_a_look_at_every_minute_finds(course: Course, one: int, other: int) -> None:
    start, end = (MONDAY + at * MINUTE for at in sorted((one, other + 1)))
    looks = [start + n * MINUTE for n in range(max(1, (end - start) // MINUTE))]
    found = [_plain(course, at) for at in looks]
    assert course.at(start) == found[0]
    assert list(course.over(start, end)) == list(dict.fromkeys(found))
    turns = [at for at, before, now in zip(looks[1:], found, found[1:], strict=False) if before != now]
    assert course.turns(start, end) == turns


@given(courses)
def test_a_stored_course_is_the_same_again(course: Course) -> None:
    stored = course.dump()
    assert Course.load(stored) == course
    assert Course.load(json.dumps(stored)) == course
    for nothing in ("[]", None):
        assert Course.load(nothing) is None
    assert Course.load([]) is None


@pytest.mark.parametrize(
    ("given", "opened", "lapses", "active"),
    [
        ({"status": "active"}, True, (), True),
        ({"status": "suspended"}, False, (), False),
        ({"status": "closed"}, False, (), False),
        ({"status": "suspended", "causes": ["express_permit"]}, True, ("express_permit",), False),
        ({"status": "suspended", "lapses": ["express_permit"]}, False, ("express_permit",), False),
    ],
)
def test_a_published_standing_tells_a_decision_from_a_lapse(
    given: dict[str, Any], opened: bool, lapses: tuple[str, ...], active: bool
) -> None:
    standing = StandingState.model_validate({"since": MONDAY, **given}).to_standing()
    assert (standing.open, standing.lapses, standing.active) == (opened, lapses, active)


def test_states_recorded_before_courses_were_published_hold_always() -> None:
    firm = {"id": new_id(), "name": "x", "uscc": "x", "kind": "carrier"}
    for status in ("active", "suspended", "closed"):
        course = EnterpriseState.model_validate({**firm, "status": status}).to_course()
        assert [course.at(MONDAY + n * MINUTE).active for n in (-(10**6), 10**6)] == [status == "active"] * 2
    van = {"id": new_id(), "enterprise_id": new_id(), "plate_number": "辽L12345", "plate_color": 1}
    old = VehicleState.model_validate({**van, "valid_from": MONDAY, "powertrain": "BEV", "payload_kg": 1})
    assert old.to_course().at(MONDAY).active
    lapsed = old.model_copy(update={"status": "lapsed", "lapses": ("inspection",)})
    assert lapsed.to_course().at(MONDAY).lapses == ("inspection",)


def test_the_texts_name_each_paper_once_in_both_languages() -> None:
    zh, en = CERTIFICATE_NAMES["insurance"]
    reason = vehicle_lapsed(("insurance", "insurance", "来日方长"))
    assert reason.code == "vehicle_lapsed"
    assert (reason.zh.count(zh), reason.en.count(en)) == (1, 1)
    assert "来日方长" in reason.zh
    assert "营业执照" in enterprise_lapsed(["business_licence"]).zh
