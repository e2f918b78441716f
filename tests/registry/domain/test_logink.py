"""Signing for the LOGINK gateway: the vector of `domain.md` §2.2, and what every signature depends on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.logink import JSON_TYPE, content_md5, sign, signed_headers, string_to_sign

BODY = '{"vehicleNumber":"辽L12345","licensePlateTypeCode":"2"}'.encode()
PATH = "/gps/getLatestPosition"
NONCE = "00000000-0000-0000-0000-000000000000"
AT = 1_700_000_000_000


def test_the_vector_of_the_domain_reference() -> None:
    assert content_md5(BODY) == "tKPoZNm0VE+5wZPdNYjrJg=="
    headers = signed_headers("testkey", "testsecret", PATH, BODY, AT, NONCE)
    assert headers == {
        "Accept": JSON_TYPE,
        "Content-Type": JSON_TYPE,
        "Content-MD5": "tKPoZNm0VE+5wZPdNYjrJg==",
        "X-Ca-Key": "testkey",
        "X-Ca-Nonce": NONCE,
        "X-Ca-Timestamp": str(AT),
        "X-Ca-Signature": "HjpFXVW4AhEoGYhQpN8L0ZZ7zInmVB/60br8iECWMeM=",
        "X-Ca-Signature-Headers": "X-Ca-Key,X-Ca-Nonce,X-Ca-Timestamp",
    }


def test_the_text_that_is_signed() -> None:
    headers = {
        "Accept": "a",
        "Content-MD5": "m",
        "Content-Type": "t",
        "Date": "d",
        "X-Ca-Timestamp": "1",
        "X-Ca-Key": "k",
        "X-Other": "not signed",
    }
    text = string_to_sign("post", "/p", headers, {"b": "2", "a": "1", "c": ""})
    assert text == "POST\na\nm\nt\nd\nX-Ca-Key:k\nX-Ca-Timestamp:1\n/p?a=1&b=2&c"
    assert string_to_sign("GET", "/p", {}) == "GET\n\n\n\n\n/p"


def test_a_known_hmac() -> None:
    # RFC 4231, test case 2.
    expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    assert sign("Jefe", "what do ya want for nothing?") == expected


@pytest.mark.parametrize(
    "change",
    [
        {"key": "other"},
        {"secret": "other"},
        {"path": "/other"},
        {"body": BODY + b" "},
        {"timestamp_ms": AT + 1},
        {"nonce": NONCE[:-1] + "1"},
    ],
)
def test_each_part_changes_the_signature(change: dict[str, object]) -> None:
    given_parts: dict[str, object] = {
        "key": "testkey",
        "secret": "testsecret",
        "path": PATH,
        "body": BODY,
        "timestamp_ms": AT,
        "nonce": NONCE,
    }
    one = signed_headers(**given_parts)  # type: ignore[arg-type]
    other = signed_headers(**{**given_parts, **change})  # type: ignore[arg-type]
    assert one["X-Ca-Signature"] != other["X-Ca-Signature"]


@given(st.binary(max_size=200), st.text(max_size=30), st.integers(0, 2**41))
def test_the_secret_is_in_no_header(body: bytes, path: str, at: int) -> None:
    headers = signed_headers("testkey", "s3cr3t-value", f"/{path}", body, at, NONCE)
    assert not any("s3cr3t-value" in value for value in headers.values())
