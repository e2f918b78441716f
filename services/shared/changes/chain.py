"""The chain over a feed: `digest = SHA-256(previous digest ‖ header ‖ state)`.

The header is the canonical JSON (RFC 8785) of the entry's other fields; the state is its canonical
bytes as stored. Whoever has the digest of one position can prove every later one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from services.shared.errors import ServiceError

GENESIS = bytes(32)
"""The digest before position 1."""


class ChainBroken(ServiceError):
    """The chain does not hold."""

    slug = "chain-broken"
    title_zh, title_en = "变更链校验失败", "The chain of changes does not verify"


@dataclass(frozen=True, slots=True)
class Entry:
    """One position of a feed."""

    pos: int
    kind: str
    id: UUID
    version: int
    schema_version: int
    deleted: bool
    recorded_at: datetime
    state: bytes


def format_recorded_at(moment: datetime) -> str:
    """Return `2026-11-23T00:00:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def header_bytes(entry: Entry) -> bytes:
    """Return the canonical header; `kind` holds only `[a-z0-9_]`, so nothing needs escaping."""
    return (
        f'{{"deleted":{"true" if entry.deleted else "false"},"id":"{entry.id}","kind":"{entry.kind}",'
        f'"pos":{entry.pos},"recorded_at":"{format_recorded_at(entry.recorded_at)}",'
        f'"schema_version":{entry.schema_version},"version":{entry.version}}}'
    ).encode()


def next_digest(previous: bytes, entry: Entry) -> bytes:
    """Return the digest of an entry that follows `previous`."""
    return sha256(previous + header_bytes(entry) + entry.state).digest()
