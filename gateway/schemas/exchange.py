"""What the exchange answers."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.shared.schemas import Instant

_DIGEST = Field(description="SHA-256, 64 hex digits.", examples=["0" * 64])


class DatasetOut(BaseModel):
    """One dataset this caller may pull."""

    dataset: str = Field(description="Its name, that of the collection.", examples=["vehicles"])
    audience: str = Field(description="Whose field list applies.", examples=["province"])
    kind: str = Field(description="Of its entities, the singular.", examples=["vehicle"])
    fields: list[str] = Field(description="Every field that leaves, by path.")
    schema_version: int = Field(
        description="Of these fields; a change of an older one holds the fields of its time."
    )


class DatasetPage(BaseModel):
    """All datasets of this caller, on one page."""

    items: list[DatasetOut]
    next_cursor: str | None = Field(default=None, description="Always null: the list is short.")


class HeadOut(BaseModel):
    """The newest state of one entity."""

    kind: str = Field(description="Kind of the entity.")
    id: UUID = Field(description="The entity.")
    version: int = Field(description="Its version in this log, one more with every change.")
    schema_version: int = Field(description="Raised when the fields of the dataset change.")
    pos: int = Field(description="Position of the change that made it so; dense: 1, 2, 3 …")
    recorded_at: Instant = Field(description="When the exchange learned it.")
    deleted: bool = Field(
        description="The entity is gone from this audience's view; `state` is its id alone."
    )
    state: dict[str, Any] = Field(description="Canonical JSON (RFC 8785), the bytes the digest is over.")


class ChangeOut(HeadOut):
    """One position of the log."""

    digest: str = Field(
        description=(
            "SHA-256(previous digest ‖ header ‖ state), hex; header is the canonical JSON of deleted, id,"
            " kind, pos, recorded_at, schema_version, version. Before position 1: 32 zero bytes."
        )
    )


class ChangesOut(BaseModel):
    """A page of changes; `next_after` with the last `digest` and `feed_id` is the next cursor."""

    feed_id: UUID = Field(description="The life of this log; a restore starts a new one.")
    dataset: str
    audience: str
    head: int = Field(description="Newest position.")
    next_after: int = Field(description="Pass as `after`.")
    items: list[ChangeOut]


class SnapshotOut(BaseModel):
    """A page of newest states. Replay the changes after the first page's `pos` when all are read."""

    feed_id: UUID = Field(description="The life of this log.")
    dataset: str
    audience: str
    pos: int = Field(description="Position this page was taken at.")
    digest: str = _DIGEST
    next_cursor: UUID | None = Field(description="Pass as `cursor`; null at the end.")
    items: list[HeadOut]


class ManifestOut(BaseModel):
    """The signed head: whoever has replayed to `pos` must have this `digest` and these `contents`."""

    feed_id: UUID = Field(description="The life of this log.")
    dataset: str
    audience: str
    pos: int = Field(description="Newest position.")
    digest: str = _DIGEST
    entities: int = Field(description="How many entities are there at `pos`.")
    contents: str = Field(description="Σ SHA-256(state) mod 2²⁵⁶ over those entities, 64 hex digits.")
    issued_at: Instant = Field(description="When it was signed.")
    key_id: str = Field(description="Key of `/exchange/v1/keys`.")
    jws: str = Field(
        description="Compact JWS (Ed25519); its payload is the canonical JSON of the other fields."
    )


class KeysOut(BaseModel):
    """Public keys (JWKS, RFC 7517)."""

    keys: list[dict[str, Any]]
