"""Decoding and judging: every fix comes out once, good or with its reason, whatever the bytes."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.fixes import AGE_MS, FUTURE_MS, decode

NOW_MS = 1_790_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

good_times = st.integers(NOW_MS - AGE_MS, NOW_MS + FUTURE_MS)
good_fixes = st.fixed_dictionaries(
    {
        "time": good_times.filter(lambda ms: ms >= 1e11),
        "lon": st.floats(1, 180),
        "lat": st.floats(-90, 90),
    },
    optional={
        "speed_kmh": st.none() | st.floats(0, 400),
        "heading_deg": st.floats(0, 360),
        "soc_pct": st.integers(0, 100),
        "cargo_temp_c": st.floats(-60, 60),
        "load_state": st.sampled_from(["empty", "partial", "full", None]),
        "boot": st.integers(0, 2**53 - 1),
        "seq": st.integers(0, 2**53 - 1),
    },
)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
BREAKS: list[tuple[dict[str, Any], str]] = [
    ({"lon": 180.5}, "out_of_range"),
    ({"lat": float("nan")}, "not_finite"),
    ({"lat": "41"}, "wrong_type"),
    ({"time": NOW_MS + FUTURE_MS + 1}, "time_in_future"),
    ({"time": NOW_MS - AGE_MS - 1}, "time_too_old"),
    ({"time": -1e306}, "time_too_old"),
    ({"time": "yesterday"}, "time_invalid"),
    ({"lon": -180, "lat": -90, "crs": "BD-09"}, "out_of_range"),
    ({"lon": 0, "lat": 0}, "null_island"),
    ({"crs": "wgs84"}, "unknown_crs"),
    ({"terminal": "another"}, "unknown_field"),
    ({"seq": -1}, "out_of_range"),
]


@given(st.lists(good_fixes, max_size=8))
def test_good_fixes_come_out_as_they_went_in(fixes: list[dict[str, Any]]) -> None:
    accepted, rejected = decode(json.dumps(fixes).encode(), NOW_MS)
    assert rejected == []
    assert [(ms, fix.lon, fix.lat, fix.seq) for ms, fix in accepted] == [
        (fix["time"], fix["lon"], fix["lat"], fix.get("seq")) for fix in fixes
    ]


@given(st.lists(good_fixes | st.sampled_from(BREAKS), min_size=1, max_size=8))
def test_each_bad_fix_is_named_and_takes_no_good_one_along(items: list[Any]) -> None:
    base = {"time": NOW_MS, "lon": 122.0, "lat": 41.0}
    fixes = [{**base, **item[0]} if isinstance(item, tuple) else item for item in items]
    accepted, rejected = decode(json.dumps(fixes).encode(), NOW_MS)
    assert len(accepted) == sum(isinstance(item, dict) for item in items)
    assert [bad.reason for bad in rejected] == [item[1] for item in items if isinstance(item, tuple)]


@given(st.binary(max_size=300))
def test_any_bytes_are_accounted_for(payload: bytes) -> None:
    accepted, rejected = decode(payload, NOW_MS)
    assert accepted == []
    assert len(rejected) == 1 or payload.strip() == b"[]"


@given(st.lists(anything, min_size=1, max_size=6))
def test_any_json_array_is_accounted_item_by_item(items: list[Any]) -> None:
    accepted, rejected = decode(json.dumps(items).encode(), NOW_MS)
    assert len(accepted) + len(rejected) == len(items)


@given(good_times, st.timezones())
def test_times_with_any_offset_are_the_same_instant(ms: int, zone: Any) -> None:
    at = (EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    if at.utcoffset() != timedelta(minutes=round(at.utcoffset().total_seconds() / 60)):  # type: ignore[union-attr]
        return  # RFC 3339 has no seconds in an offset
    text = json.dumps({"time": at.isoformat(), "lon": 122, "lat": 41}).encode()
    ((time_ms, _),), rejected = decode(text, NOW_MS)
    assert (time_ms, rejected) == (ms, [])


@pytest.mark.parametrize(("number", "ms"), [(1_790_000_000, NOW_MS), (1_790_000_000.25, NOW_MS + 250)])
def test_small_epoch_numbers_are_seconds(number: float, ms: int) -> None:
    ((time_ms, _),), _ = decode(json.dumps({"time": number, "lon": 122, "lat": 41}).encode(), NOW_MS)
    assert time_ms == ms


def test_a_rejected_fix_keeps_its_sequence_number_for_the_receipt() -> None:
    _, (bad,) = decode(b'{"time": 17e8, "lon": 999, "lat": 41, "boot": 4, "seq": 12}', NOW_MS)
    assert (bad.boot, bad.seq) == (4, 12)


@pytest.mark.parametrize(
    ("member", "reason"), [('"time": "\\ud800"', "time_invalid"), ('"load_state": "\\ud800"', "wrong_type")]
)
def test_half_of_a_surrogate_pair_is_a_bad_fix(member: str, reason: str) -> None:
    payload = f'{{"time": 17e8, {member}, "lon": 1, "lat": 1}}'.encode()
    accepted, (bad,) = decode(payload, NOW_MS)
    assert (accepted, bad.reason, bad.raw) == ([], reason, payload)
