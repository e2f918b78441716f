"""The sum that proves a whole set of entities: order-free, and cheap to keep up with each change.

`contents` = Σ SHA-256(state) mod 2²⁵⁶ over the entities that are there, as 32 bytes big-endian. The
chain proves the history; this proves what the history has come to, also after a start from a snapshot.
"""

from hashlib import sha256

EMPTY = bytes(32)
_MODULUS = 1 << 256


def replace(contents: bytes, before: bytes | None, after: bytes | None) -> bytes:
    """Return the sum after one entity's state went from `before` to `after`; None is absent."""
    total = int.from_bytes(contents, "big")
    if before is not None:
        total -= _term(before)
    if after is not None:
        total += _term(after)
    return (total % _MODULUS).to_bytes(32, "big")


def _term(state: bytes) -> int:
    return int.from_bytes(sha256(state).digest(), "big")
