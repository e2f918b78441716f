"""Moving the counts of quarantine: the accounts are those there would be had it been readable at once."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.releasing import (
    UNKNOWN,
    Held,
    Ledger,
    digest_of,
    identify,
    judge_again,
    occasions,
)
from services.telemetry.domain.rows import encode

DAY = date(2026, 5, 1)
RECEIVED = datetime(2026, 5, 1, 4, tzinfo=UTC)
RECEIVED_MS = round(RECEIVED.timestamp() * 1000)
AT = RECEIVED.timestamp() - 60


def held(raw: bytes, days: dict[date, int], reason: str = "unknown_field", key: int | None = 7) -> Held:
    return Held(digest_of("T", raw), "T", key, reason, raw, days, RECEIVED_MS, RECEIVED, RECEIVED)


def body(*fixes: dict[str, object]) -> bytes:
    return msgspec.json.encode(list(fixes) if len(fixes) != 1 else fixes[0])


def good(lon: float = 122.0) -> dict[str, object]:
    return {"time": AT, "lon": lon, "lat": 41.0}


BAD: dict[str, object] = {"time": AT, "lon": 122.0, "lat": 91.0}


def test_a_good_fix_is_encoded_as_of_its_own_reception() -> None:
    verdict = judge_again(held(body(good()), {DAY: 1}), 0)
    expected = encode(7, round(AT * 1000), Fix(time=AT, lon=122.0, lat=41.0), RECEIVED_MS)
    assert [row[:4] for row in verdict.rows] == [expected[:4]]
    assert verdict.bad == {}


@pytest.mark.parametrize(
    ("seconds_before", "reason"),
    [(-299.0, None), (-301.0, "time_in_future"), (2_591_999.0, None), (2_592_001.0, "time_too_old")],
)
def test_age_is_judged_by_the_first_reception(seconds_before: float, reason: str | None) -> None:
    raw = body({**good(), "time": RECEIVED.timestamp() - seconds_before})
    verdict = judge_again(held(raw, {DAY: 1}), 0)
    assert [why.reason for why, _ in verdict.bad.values()] == ([] if reason is None else [reason])
    assert len(verdict.rows) == (reason is None)


def test_what_is_no_longer_kept_stays_alone() -> None:
    message = held(body({**good(), "time": AT - 86_400, "crs": "GCJ-02"}, good()), {DAY: 2})
    verdict = judge_again(message, RECEIVED_MS - 3_600_000)
    assert len(verdict.rows) == 1
    ((digest, (why, times)),) = verdict.bad.items()
    assert (why.reason, times, digest) == ("too_old", 1, digest_of("T", why.raw))
    again = judge_again(held(why.raw, {DAY: 2}, "time_too_old"), 0)
    before = judge_again(message, 0)
    assert identify(again.rows[0]) == identify(before.rows[0]), "turned to WGS-84 once, not twice"


def test_of_nobody_only_the_good_are_counted_together() -> None:
    raw = body(good(), good(122.5), BAD)
    still = judge_again(held(raw, {DAY: 4}, UNKNOWN, key=None), 0)
    assert {why.reason: times for why, times in still.bad.values()} == {UNKNOWN: 2}
    known = held(raw, {DAY: 4}, UNKNOWN)
    verdict = judge_again(known, 0)
    assert (len(verdict.rows), verdict.bad) == (2, {})
    assert occasions(known, verdict) == {DAY: 2}


days = st.dictionaries(
    st.integers(0, 3).map(lambda n: DAY + timedelta(days=n)), st.integers(1, 4), min_size=1
)
items = st.one_of(st.integers(0, 5).map(lambda n: good(120.0 + n)), st.just(BAD))
messages = st.lists(st.tuples(st.lists(items, max_size=4), days), min_size=1, max_size=5)


@given(messages, st.sets(st.integers(0, 5)))
def test_counts_move_as_if_it_had_been_readable(
    given_messages: list[tuple[list[dict[str, object]], dict[date, int]]], known_places: set[int]
) -> None:
    """Messages counted once each as unreadable: afterwards every time counts what the message holds."""
    rows = [held(body(*parts) if parts else b"[]", when) for parts, when in given_messages]
    verdicts = [judge_again(row, 0) for row in rows]
    everything = {identify(row) for verdict in verdicts for row in verdict.rows}
    stored_before = {identify(encode(7, round(AT * 1000), Fix(AT, 120.0 + n, 41.0), 0)) for n in known_places}
    ledger = Ledger(everything - stored_before)
    for row, verdict in zip(rows, verdicts, strict=True):
        ledger.take(row, verdict)
    received, still, occurred = Counter[date](), Counter[date](), 0
    quarantined = Counter[date]()
    for parts, when in given_messages:
        for day, times in when.items():
            quarantined[day] += times
            received[day] += times * len(parts)
            still[day] += times * sum(part is BAD for part in parts)
            occurred += times * sum(part is not BAD for part in parts)
    for (_, _, day), delta in ledger.deltas.items():
        assert quarantined[day] + delta.quarantined == still[day] >= 0
        assert delta.stored + delta.duplicate + still[day] == received[day]
        assert min(delta.stored, delta.duplicate) >= 0
    assert ledger.stored == len(everything - stored_before)
    assert ledger.stored + ledger.duplicate == occurred
