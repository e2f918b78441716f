"""Reading a feed over HTTP, checking that no position is missing and that the chain goes on."""

from collections.abc import AsyncIterator
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import msgspec

from services.shared.changes.chain import Entry, next_digest
from services.shared.follow.source import Change, Cursor, Source

PAGE = 1000
WAIT_S = 25


class FeedLost(Exception):
    """The cursor leads nowhere any more: forked, compacted or not continuous. Start from the snapshot."""


class Head(msgspec.Struct):
    """An entry as it is sent; fields this build does not know are ignored."""

    pos: int
    kind: str
    id: UUID
    version: int
    schema_version: int
    deleted: bool
    recorded_at: datetime
    state: msgspec.Raw


class Item(Head):
    """An entry of the changes; entries of a snapshot have no digest."""

    digest: str


class _Changes(msgspec.Struct):
    feed_id: UUID
    head: int
    next_after: int
    items: list[Item]


class _Snapshot(msgspec.Struct):
    feed_id: UUID
    pos: int
    digest: str
    next_cursor: str | None
    items: list[Head]


class SnapshotPage(msgspec.Struct):
    """One page of a snapshot: the position it was taken at and its states."""

    feed_id: UUID
    pos: int
    digest: bytes
    changes: list[Change]


class ChangesRead(msgspec.Struct):
    """One checked page: where it leads, what it holds, and the head of the feed."""

    cursor: Cursor
    changes: list[Change]
    head: int
    recorded_at: datetime | None


_changes = msgspec.json.Decoder(_Changes)
_snapshot = msgspec.json.Decoder(_Snapshot)


async def read_changes(source: Source, cursor: Cursor, wait: int = WAIT_S) -> ChangesRead:
    """Return the page after a cursor, waiting up to `wait` seconds for a first entry.

    Raises:
        FeedLost: The source says so, or what it sent does not continue the cursor.
        httpx.HTTPError: The source did not answer.
    """
    answer = await source.client.get(
        "/internal/v1/changes",
        params={
            "after": cursor.pos,
            "limit": PAGE,
            "wait": wait,
            "feed_id": str(cursor.feed_id),
            "digest": cursor.digest.hex(),
        },
    )
    if answer.status_code in {HTTPStatus.CONFLICT, HTTPStatus.GONE}:
        raise FeedLost(str(answer.json().get("type", answer.status_code)))
    answer.raise_for_status()
    page = _changes.decode(answer.content)
    if page.feed_id != cursor.feed_id:
        raise FeedLost("another feed_id")
    pos, digest = cursor.pos, cursor.digest
    for item in page.items:
        digest = next_digest(digest, _entry(item))
        if item.pos != pos + 1 or item.digest != digest.hex():
            raise FeedLost(f"position {item.pos} does not continue {pos}")
        pos = item.pos
    return ChangesRead(
        Cursor(cursor.feed_id, pos, digest, cursor.copy_version),
        _parsed(source, page.items),
        page.head,
        page.items[-1].recorded_at if page.items else None,
    )


async def read_snapshot(source: Source) -> AsyncIterator[SnapshotPage]:
    """Yield the pages of the newest states, only of the kinds the source names.

    Raises:
        FeedLost: The feed changed its life while it was read.
        httpx.HTTPError: The source did not answer.
    """
    params: dict[str, str | int | list[str]] = {"kind": list(source.kinds), "limit": PAGE}
    feed_id: UUID | None = None
    while True:
        answer = await source.client.get("/internal/v1/snapshot", params=params)
        answer.raise_for_status()
        page = _snapshot.decode(answer.content)
        if feed_id not in {None, page.feed_id}:
            raise FeedLost("the feed was restored while its snapshot was read")
        feed_id = page.feed_id
        yield SnapshotPage(page.feed_id, page.pos, bytes.fromhex(page.digest), _parsed(source, page.items))
        if page.next_cursor is None:
            return
        params["cursor"] = page.next_cursor


def _entry(item: Item) -> Entry:
    return Entry(
        item.pos,
        item.kind,
        item.id,
        item.version,
        item.schema_version,
        item.deleted,
        item.recorded_at,
        bytes(item.state),
    )


def _parsed(source: Source, items: list[Item] | list[Head]) -> list[Change]:
    return [
        Change(
            item.kind,
            item.id,
            item.version,
            item.pos,
            item.recorded_at,
            item.deleted,
            source.kinds[item.kind].model_validate_json(bytes(item.state)),
        )
        for item in items
        if item.kind in source.kinds
    ]
