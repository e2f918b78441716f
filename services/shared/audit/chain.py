"""The chain of an audit log: each digest covers the one before, the position and the entry's bytes."""

import hashlib
from collections.abc import Iterable
from typing import Final

GENESIS: Final = bytes(32)
"""The digest before the first entry."""


def chain(previous: bytes, pos: int, entry: bytes) -> bytes:
    """Return SHA-256(previous digest ‖ position, 8 bytes big-endian ‖ entry)."""
    return hashlib.sha256(previous + pos.to_bytes(8, "big") + entry).digest()


def first_break(
    entries: Iterable[tuple[int, bytes, bytes]], after: int = 0, digest: bytes = GENESIS
) -> int | None:
    """Return the first position at which the chain does not hold, None when it holds throughout.

    Args:
        entries: (position, entry, digest) in order of position.
        after: The position before the first entry, whose digest is known to be good.
        digest: That digest.
    """
    for pos, entry, claimed in entries:
        if pos != after + 1 or chain(digest, pos, entry) != claimed:
            return after + 1
        after, digest = pos, claimed
    return None
