"""Canonical bytes: RFC 8785 vectors, and properties against an independent reader."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.shared.changes import GENESIS, Entry, NotRecordable, canonical_bytes, next_digest

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
documents = st.dictionaries(
    texts, st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20)
)


def test_vector_of_rfc_8785() -> None:
    # RFC 8785 §3.2.2 and §3.2.3: input, and the output's bytes as printed there
    given_document = json.loads(
        r"""{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"""
    )
    expected = (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_bytes(given_document) == expected.encode()


def test_keys_are_sorted_by_utf16_units() -> None:
    # RFC 8785 §3.2.3: U+1F600 (surrogates D83D…) sorts before U+FB33
    assert canonical_bytes({"\ufb33": 1, "\U0001f600": 2, "€": 3, "1": 4}) == (
        '{"1":4,"€":3,"\U0001f600":2,"\ufb33":1}'.encode()
    )


@given(documents)
def test_bytes_read_back_as_the_same_document(document: dict[str, Any]) -> None:
    # RFC 8785 numbers are IEEE 754 doubles: 5.9e16 is written without a point
    assert json.loads(canonical_bytes(document), parse_int=float) == document


@given(documents)
def test_order_of_keys_does_not_matter(document: dict[str, Any]) -> None:
    assert canonical_bytes(dict(reversed(document.items()))) == canonical_bytes(document)


@given(documents)
@example({"edge": [1e-4, 9.999e-5, 1e-7, -0.0, 0.0, 1e15, 1e16, 5e-324, 0.1 + 0.2, 2.0**53, -1.5, 1e21]})
@example({"controls": '\x01\x08\x0b\x1f\x7f\u2028\u2029</\\"', "\u00e9": {"\U0001f600": 1, "\ufb33": 2}})
@example({"whole, beyond what is exact": 2.0**53})
@example({"whole, below an exponent": -9.9e15})
@example({"true": True, "one": 1, "none": None, "empty": [[], {}, ""]})
def test_bytes_are_those_of_the_reference_library(document: dict[str, Any]) -> None:
    assert canonical_bytes(document) == rfc8785.dumps(document)


class Bill(BaseModel):
    amount: Decimal
    counter: int
    at: datetime


def test_money_and_big_integers_are_strings() -> None:
    bill = Bill(amount=Decimal("10.10"), counter=2**53, at=datetime(2026, 11, 23, tzinfo=UTC))
    assert json.loads(canonical_bytes(bill)) == {
        "amount": "10.10",
        "counter": "9007199254740992",
        "at": "2026-11-23T00:00:00Z",
    }
    assert canonical_bytes({"n": 2**53 - 1}) == b'{"n":9007199254740991}'


@pytest.mark.parametrize(
    "bad",
    [
        {"n": float("nan")},
        {"n": float("inf")},
        {"t": "\ud800"},
        {"t": "a\x00b"},
        {"\x00": 1},
        {1: "key"},
        {"o": object()},
        {"b": b"bytes"},
    ],
)
def test_what_json_cannot_hold_is_refused(bad: dict[Any, Any]) -> None:
    with pytest.raises(NotRecordable):
        canonical_bytes(bad)


def test_digest_is_sha256_of_previous_header_and_state() -> None:
    # the expected bytes are written out by hand from design.md, two streams, point 2
    entry = Entry(
        pos=7,
        kind="vehicle",
        id=UUID("01890000-0000-7000-8000-000000000001"),
        version=3,
        schema_version=1,
        deleted=False,
        recorded_at=datetime(2026, 11, 23, 8, 5, 0, 42000, tzinfo=UTC),
        state=b'{"a":1}',
    )
    header = (
        b'{"deleted":false,"id":"01890000-0000-7000-8000-000000000001","kind":"vehicle","pos":7,'
        b'"recorded_at":"2026-11-23T08:05:00.042Z","schema_version":1,"version":3}'
    )
    assert next_digest(GENESIS, entry) == sha256(bytes(32) + header + b'{"a":1}').digest()
