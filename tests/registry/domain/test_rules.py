"""Pure rules: secrets, standings, rates, token requests."""

import contextlib
import hashlib
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.buckets import Buckets
from services.registry.domain.enterprises import Standing, may_become
from services.registry.domain.secrets import digest, matches, new_secret
from services.registry.domain.token_request import OAuthError, read_token_request


def test_a_secret_is_kept_as_sha256() -> None:
    assert digest("abc") == hashlib.sha256(b"abc").digest()
    secret = new_secret()
    assert matches(secret, digest(secret))
    assert not matches(secret[:-1], digest(secret))
    assert len({new_secret() for _ in range(100)}) == 100
    assert isinstance(digest("\ud800"), bytes)


def test_closed_is_final_and_each_step_needs_its_beginning() -> None:
    allowed = {
        (present.value, target)
        for present, target in itertools.product(Standing, Standing)
        if may_become(present.value, target)
    }
    assert allowed == {
        ("active", Standing.SUSPENDED),
        ("suspended", Standing.ACTIVE),
        ("active", Standing.CLOSED),
        ("suspended", Standing.CLOSED),
    }


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.integers(1, 30))
def test_no_window_of_a_minute_lets_through_more_than_twice_the_rate(gaps: list[float], rate: int) -> None:
    buckets, now = Buckets(rate), 0.0
    passed = []
    for gap in gaps:
        now += gap
        if buckets.take("a", now) == 0:
            passed.append(now)
    for start in passed:
        assert sum(start <= moment < start + 60 for moment in passed) <= 2 * rate


@given(st.integers(1, 600))
def test_the_wait_told_is_enough_and_others_are_free(rate: int) -> None:
    buckets = Buckets(rate)
    waits = [buckets.take("a", 0.0) for _ in range(rate + 1)]
    assert waits[:-1] == [0] * rate
    assert waits[-1] == math.ceil(60 / rate)
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", waits[-1]) == 0


def test_memory_is_bounded() -> None:
    buckets = Buckets(10)
    for number in range(60_000):
        buckets.take(str(number), float(number))
    assert len(buckets._levels) <= 50_000


@given(st.binary(max_size=200), st.one_of(st.none(), st.text(max_size=50)))
def test_any_bytes_end_in_credentials_or_an_oauth_error(body: bytes, header: str | None) -> None:
    with contextlib.suppress(OAuthError):
        assert read_token_request("application/x-www-form-urlencoded", header, body).credentials


def test_credentials_never_show_in_a_log() -> None:
    found = read_token_request(
        "application/x-www-form-urlencoded; charset=utf-8",
        None,
        b"grant_type=client_credentials&client_id=a&client_secret=hidden&unknown=1",
    )
    assert (found.credentials.client_id, found.credentials.client_secret) == ("a", "hidden")
    assert "hidden" not in repr(found)
    with pytest.raises(OAuthError, match="invalid_request"):
        read_token_request("text/plain", None, b"")
