"""The broker's files: an independent reading of Mosquitto's formats."""

import base64
import hashlib
import zlib

from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.broker_files import acl_text, new_secret, password_line
from services.telemetry.domain.topics import is_assignable, positions_topic, shard_of, terminal_of

numbers = st.text("ABCabc019_-", min_size=1, max_size=32)


@given(numbers)
def test_a_password_line_verifies_as_mosquitto_does(number: str) -> None:
    secret = new_secret()
    user, _, stored = password_line(number, secret).partition(":")
    _, kind, iterations, salt, digest = stored.split("$")
    assert (user, kind) == (number, "7")
    made = hashlib.pbkdf2_hmac("sha512", secret.encode(), base64.b64decode(salt), int(iterations))
    assert made == base64.b64decode(digest)
    assert len(secret) >= 43  # 256 bits


@given(numbers)
def test_the_topic_names_shard_and_terminal(number: str) -> None:
    assert shard_of(number) == f"{zlib.crc32(number.encode()) % 16:x}"
    assert terminal_of(positions_topic(number).encode()) == number


def test_numbers_that_would_be_wildcards_or_platform_users_are_not_assignable() -> None:
    refused = ["", "+", "#", "a/b", "$SYS", "a b", "x" * 33, "ingest-0", "INGEST-f", "ingest-zz", "车"]
    assert [number for number in refused if is_assignable(number)] == []
    assert is_assignable("LD-000123")


def test_a_member_reads_its_shard_only_and_patterns_hold_the_user_name() -> None:
    lines = acl_text("0").splitlines()
    assert lines[:4] == [
        "user ingest-0",
        "topic read v1/0/+/positions",
        "topic write v1/0/+/receipts",
        "topic write v1/0/+/commands",
    ]
    assert all("%u" in line for line in lines if line.startswith("pattern"))
