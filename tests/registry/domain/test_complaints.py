"""Complaints: which step may follow which, by walking every path there is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.complaints import (
    CATEGORY_NAMES,
    MAX_AGE,
    OUTCOME_NAMES,
    ComplaintCategory,
    ComplaintOutcome,
    ComplaintStatus,
    is_in_hand,
    may_follow,
    may_have_occurred,
    public_status,
)

NOW = datetime(2026, 10, 8, tzinfo=UTC)


def test_every_code_has_both_names() -> None:
    for names, codes in ((CATEGORY_NAMES, ComplaintCategory), (OUTCOME_NAMES, ComplaintOutcome)):
        assert set(names) == set(codes)
        assert all(zh and en and zh != en for zh, en in names.values())


def test_the_steps_are_these_and_no_others() -> None:
    allowed = {(a.value, b.value) for a in ComplaintStatus for b in ComplaintStatus if may_follow(a, b)}
    assert allowed == {
        ("submitted", "accepted"),
        ("accepted", "forwarded"),
        ("forwarded", "answered"),
        ("answered", "forwarded"),
        ("accepted", "closed"),
        ("forwarded", "closed"),
        ("answered", "closed"),
    }


@given(st.lists(st.sampled_from(ComplaintStatus)))
def test_closed_is_final_and_nobody_is_asked_before_an_official_took_it_up(
    wanted: list[ComplaintStatus],
) -> None:
    walked = [ComplaintStatus.SUBMITTED]
    for step in wanted:
        if may_follow(walked[-1], step):
            walked.append(step)
    assert ComplaintStatus.CLOSED not in walked[:-1]
    assert walked[1:2] in ([], [ComplaintStatus.ACCEPTED])
    for before, after in pairwise(walked):
        assert after is not ComplaintStatus.ANSWERED or before is ComplaintStatus.FORWARDED
        assert is_in_hand(before) or after is ComplaintStatus.ACCEPTED


def test_the_complainant_cannot_tell_whether_a_firm_was_asked() -> None:
    told = {status: public_status(status) for status in ComplaintStatus}
    assert told == {
        ComplaintStatus.SUBMITTED: "submitted",
        ComplaintStatus.ACCEPTED: "in_progress",
        ComplaintStatus.FORWARDED: "in_progress",
        ComplaintStatus.ANSWERED: "in_progress",
        ComplaintStatus.CLOSED: "closed",
    }


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (NOW, True),
        (NOW + timedelta(milliseconds=1), False),
        (NOW - MAX_AGE, True),
        (NOW - MAX_AGE - timedelta(milliseconds=1), False),
        (NOW.replace(year=2023, month=10, day=9), True),
    ],
)
def test_what_is_to_come_or_long_ago_is_not_taken(at: datetime, taken: bool) -> None:
    assert may_have_occurred(at, NOW) is taken
