"""Topics and terminal numbers (design.md, Contracts, MQTT 5)."""

import re
import zlib

SHARDS = "0123456789abcdef"
NUMBER = re.compile(r"[A-Za-z0-9_-]{1,32}")
PHONE = re.compile(r"[1-9][0-9]{0,19}")
INGEST_USER_PREFIX = "ingest-"


BRIDGE_PREFIX = b"jt808/"
BRIDGE_FILTER = "jt808/+/+/up"
"""Where a bridge passes on what EMQX's JT/T 808 gateway publishes: its own number, then the phone's."""


def shard_of(terminal_number: str) -> str:
    """Give the shard of a terminal: one hex digit, CRC-32 of its number mod 16."""
    return SHARDS[zlib.crc32(terminal_number.encode()) % len(SHARDS)]


def is_assignable(terminal_number: str) -> bool:
    """Whether a terminal may have this number: the charset, and not the name of a platform's own user.

    The number is the broker's user name, so `+ # / $` never get in, and nobody may be called `ingest-0`.
    """
    return bool(NUMBER.fullmatch(terminal_number)) and not terminal_number.lower().startswith(
        INGEST_USER_PREFIX
    )


def is_phone(terminal_number: str) -> bool:
    """Whether this is the number of a JT/T 808 terminal: digits without leading zeros (design.md, Codes)."""
    return bool(PHONE.fullmatch(terminal_number))


def positions_topic(terminal_number: str) -> str:
    """Give the topic a terminal publishes its positions to."""
    return f"v1/{shard_of(terminal_number)}/{terminal_number}/positions"


def receipts_topic(terminal_number: str) -> str:
    """Give the topic on which a terminal reads its receipts."""
    return f"v1/{shard_of(terminal_number)}/{terminal_number}/receipts"


def commands_topic(terminal_number: str) -> str:
    """Give the topic on which a terminal reads its commands."""
    return f"v1/{shard_of(terminal_number)}/{terminal_number}/commands"


def positions_filter(shard: str) -> str:
    """Give the subscription of a shard's ingest session."""
    return f"v1/{shard}/+/positions"


def bridge_of(topic: str) -> tuple[str, str]:
    """Give the bridge and the terminal of a bridge's topic, the latter without leading zeros."""
    _, bridge, phone, *_ = topic.split("/", 3)
    return bridge, phone.lstrip("0")


def terminal_of(topic: bytes) -> str:
    """Give the terminal segment of a positions topic; the shard segment is not trusted and not read.

    A topic of a bridge is given whole, which is no terminal's number.
    """
    if topic.startswith(BRIDGE_PREFIX):
        return topic.decode("ascii", "replace")
    return topic.split(b"/", 3)[2].decode("ascii", "replace")
