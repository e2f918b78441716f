"""Strict models: what PostgreSQL or a partner could not take is refused at the edge."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

from services.shared.faults import field_errors
from services.shared.schemas import (
    Code,
    Event,
    Identifier,
    Instant,
    Latitude,
    Longitude,
    Name,
    Strict,
    Text,
    format_instant,
)


class _Probe(Strict):
    name: Name | None = None
    text: Text | None = None
    code: Code | None = None
    at: Instant | None = None
    lon: Longitude | None = None
    lat: Latitude | None = None
    count: int | None = None
    ok: bool | None = None
    id: Identifier | None = None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"lon": float("nan")}, "finite_number"),
        ({"lon": float("inf")}, "finite_number"),
        ({"lon": True}, "float_type"),
        ({"lon": "1.5"}, "float_type"),
        ({"lon": 180.0000001}, "less_than_equal"),
        ({"lat": -91}, "greater_than_equal"),
        ({"lon": 10**400}, "float_type"),
        ({"count": 1.0}, "int_type"),
        ({"count": True}, "int_type"),
        ({"count": "1"}, "int_type"),
        ({"ok": 1}, "bool_type"),
        ({"text": "a\x00"}, "text_unstorable"),
        ({"text": "\ud800"}, "string_unicode"),
        ({"text": b"x"}, "string_type"),
        ({"text": "x" * 10_001}, "string_too_long"),
        ({"name": ""}, "string_too_short"),
        ({"name": " \u3000"}, "text_blank"),
        ({"name": "\udfff"}, "string_unicode"),
        ({"code": "../x"}, "string_pattern_mismatch"),
        ({"code": "ok\n"}, "string_pattern_mismatch"),
        ({"code": "中"}, "string_pattern_mismatch"),
        ({"at": "2025-06-01T00:00:00"}, "datetime_naive"),
        ({"at": "2025-06-01"}, "datetime_naive"),
        ({"at": "2025-02-29T00:00:00Z"}, "datetime_invalid"),
        ({"at": "2025-06-01T00:00:60Z"}, "datetime_invalid"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "datetime_range"),
        ({"at": "0001-01-01T00:00:00Z"}, "datetime_range"),
        ({"at": "1899-12-31T23:59:59Z"}, "datetime_range"),
        ({"at": "2200-01-01T00:00:00Z"}, "datetime_range"),
        ({"at": "9999-12-31T23:59:59Z"}, "datetime_range"),
        ({"at": "2025-06-01T00:00:00Z\x00"}, "datetime_invalid"),
        ({"at": 1748736000}, "datetime_invalid"),
        ({"at": None, "other": 1}, "extra_forbidden"),
        ({"id": "not-a-uuid"}, "uuid_parsing"),
        ({"id": 5}, "uuid_type"),
    ],
)
def test_refused(values: dict[str, Any], kind: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _Probe(**values)
    assert refused.value.errors()[0]["type"] == kind


def test_taken() -> None:
    probe = _Probe.model_validate(
        {
            "name": "盘锦𠮷",
            "code": "A-1_b",
            "at": "2025-06-01T08:30:00.1239+08:00",
            "lon": 122,
            "count": 2**60,
            "id": "01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0",
        }
    )
    assert probe.at == datetime(2025, 6, 1, 0, 30, 0, 123000, tzinfo=UTC)
    assert probe.model_dump(mode="json")["at"] == "2025-06-01T00:30:00.123Z"
    assert probe.id == UUID("01a205f2-fc46-7578-b9b0-b6cf4fb7d0c0")
    with pytest.raises(ValidationError):
        probe.count = 1  # type: ignore[misc]


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - the offset is drawn beside it
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_means_the_same_in_every_offset(local: datetime, minutes: int) -> None:
    given_at = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    parsed = TypeAdapter(Instant).validate_python(given_at.isoformat())
    assert timedelta(0) <= given_at - parsed < timedelta(milliseconds=1)
    written = format_instant(parsed)
    assert written.endswith("Z")
    assert len(written) == 24
    assert TypeAdapter(Instant).validate_python(written) == parsed


@given(st.text())
def test_every_text_taken_can_be_stored(value: str) -> None:
    try:
        taken = _Probe(text=value).text
    except ValidationError:
        return
    assert taken is not None
    assert b"\x00" not in taken.encode("utf-8")


def test_a_published_state_ignores_what_it_does_not_know() -> None:
    class Known(Event):
        id: int

    assert Known.model_validate({"id": 1, "added_later": True}).model_dump() == {"id": 1}


def test_a_length_is_told_in_its_own_unit() -> None:
    """A length behind another validator is one of values to pydantic, not of characters."""

    class Said(Strict):
        text: Annotated[Text, Field(min_length=4)]
        items: Annotated[list[int], Field(min_length=2)]

    with pytest.raises(ValidationError) as refused:
        Said.model_validate({"text": "核对", "items": [1]})
    assert [fault.message for fault in field_errors(refused.value.errors())] == [
        "至少 4 个字符 / at least 4 characters",
        "至少 2 项 / at least 2 items",
    ]
