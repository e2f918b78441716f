"""Pages of a feed and of its snapshot, made as JSON inside PostgreSQL and passed through.

Over asyncpg: one value a page, so that the price is PostgreSQL's, not Python's.
"""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.shared.changes.chain import GENESIS
from services.shared.changes.errors import FeedCompacted, FeedForked
from services.shared.changes.feed import Feed
from services.shared.errors import Unavailable

MAX_LIMIT = 5000
PAGE_BYTES = 8 * 1024 * 1024
"""States a page holds at most; at least one entry is always on it."""

_FIELDS = (
    "'\"deleted\":' || CASE WHEN deleted THEN 'true' ELSE 'false' END || ',\"id\":\"' || id"
    ' || \'","kind":"\' || kind || \'","pos":\' || pos || \',"recorded_at":"\''
    " || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
    ' || \'","schema_version":\' || schema_version || \',"version":\' || version || \',"state":\''
)


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What a follower asks for; without `feed_id` and `digest` forks go unnoticed."""

    after: int = 0
    limit: int = 1000
    kinds: tuple[str, ...] = ()
    feed_id: UUID | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page as JSON bytes; `count` entries."""

    body: bytes
    count: int


def _item(digest: str) -> str:
    return f"convert_to('{{' || {digest} {_FIELDS}, 'UTF8') || state || '}}'::bytea"


async def changes_page(connection: Any, feed: Feed, query: ChangesQuery) -> ChangesPage:
    """Return the page after a cursor.

    Raises:
        FeedForked: The cursor is of another history.
        FeedCompacted: The cursor's position was cut.
        Unavailable: The feed has not begun.
    """
    meta = await _meta(connection, feed, query.after)
    _check_cursor(query, meta)
    item = _item("'\"digest\":\"' || encode(digest, 'hex') || '\",' ||")
    row = await connection.fetchrow(
        f"SELECT count(*) AS found, count(*) FILTER (WHERE bytes < $5) AS taken,"
        f" max(pos) FILTER (WHERE bytes < $5) AS last,"
        f" string_agg({item}, ','::bytea) FILTER (WHERE bytes < $5) AS items FROM ("
        " SELECT *, sum(octet_length(state)) OVER (ORDER BY pos) - octet_length(state) AS bytes FROM ("
        f" SELECT * FROM {feed.schema}.changes WHERE pos > $1 AND pos <= $2"
        " AND (cardinality($3::text[]) = 0 OR kind = ANY($3)) ORDER BY pos LIMIT $4) AS found"
        " ORDER BY pos) AS sized",
        query.after,
        meta["head_pos"],
        list(query.kinds),
        query.limit,
        PAGE_BYTES,
    )
    whole = row["found"] == row["taken"] < query.limit
    next_after = meta["head_pos"] if whole else row["last"]
    body = b'{"feed_id":"%s","head":%d,"next_after":%d,"items":[%s]}' % (
        str(meta["feed_id"]).encode(),
        meta["head_pos"],
        next_after,
        row["items"] or b"",
    )
    return ChangesPage(body, row["taken"])


async def _meta(connection: Any, feed: Feed, after: int) -> Any:
    row = await connection.fetchrow(
        "SELECT m.feed_id, m.head_pos, m.head_digest, coalesce(c.pos, 0) AS cut_pos, c.digest AS cut_digest,"
        f" (SELECT digest FROM {feed.schema}.changes WHERE pos = $1) AS cursor_digest"
        f" FROM {feed.schema}.feed_meta AS m LEFT JOIN LATERAL"
        f" (SELECT pos, digest FROM {feed.schema}.feed_checkpoints ORDER BY pos DESC LIMIT 1) AS c ON true"
        " ORDER BY m.generation DESC LIMIT 1",
        after,
    )
    if row is None:
        raise Unavailable("变更流尚未开始 / the feed has not begun", headers={"Retry-After": "1"})
    return row


def _check_cursor(query: ChangesQuery, meta: Any) -> None:
    if query.feed_id is not None and query.feed_id != meta["feed_id"]:
        raise FeedForked(f"this feed is {meta['feed_id']}")
    if query.after > meta["head_pos"]:
        raise FeedForked(f"the head is {meta['head_pos']}")
    if query.after < meta["cut_pos"]:
        raise FeedCompacted(f"positions up to {meta['cut_pos']} have been cut")
    known = meta["cursor_digest"] or (meta["cut_digest"] if query.after == meta["cut_pos"] else None)
    if query.after == 0 and meta["cut_pos"] == 0:
        known = GENESIS
    if query.digest is not None and query.digest != known:
        raise FeedForked(f"position {query.after} has another digest")


async def snapshot_page(
    connection: Any, feed: Feed, *, after: tuple[str, UUID] | None, limit: int, kinds: tuple[str, ...]
) -> bytes:
    """Return a page over the newest states, with the position it was taken at.

    The connection is in a REPEATABLE READ transaction. Later pages may be younger than the first: the
    reader replays the changes after the first page's `pos`, by entity version.

    Raises:
        Unavailable: The feed has not begun.
    """
    meta = await connection.fetchrow(
        f"SELECT feed_id, head_pos, head_digest FROM {feed.schema}.feed_meta ORDER BY generation DESC LIMIT 1"
    )
    if meta is None:
        raise Unavailable("变更流尚未开始 / the feed has not begun", headers={"Retry-After": "1"})
    kind, entity = after or ("", UUID(int=0))
    row = await connection.fetchrow(
        "SELECT count(*) AS found, count(*) FILTER (WHERE bytes < $5) AS taken,"
        " (array_agg(kind || '/' || id ORDER BY kind DESC, id DESC) FILTER (WHERE bytes < $5))[1] AS last,"
        f" string_agg({_item('')}, ','::bytea)"
        " FILTER (WHERE bytes < $5 AND NOT deleted) AS items FROM ("
        " SELECT *, sum(octet_length(state)) OVER (ORDER BY kind, id) - octet_length(state) AS bytes FROM ("
        f" SELECT * FROM {feed.schema}.heads WHERE (kind, id) > ($1, $2)"
        " AND (cardinality($3::text[]) = 0 OR kind = ANY($3)) ORDER BY kind, id LIMIT $4) AS found"
        " ORDER BY kind, id) AS sized",
        kind,
        entity,
        list(kinds),
        limit,
        PAGE_BYTES,
    )
    whole = row["found"] == row["taken"] < limit
    return b'{"feed_id":"%s","pos":%d,"digest":"%s","next_cursor":%s,"items":[%s]}' % (
        str(meta["feed_id"]).encode(),
        meta["head_pos"],
        meta["head_digest"].hex().encode(),
        b"null" if whole else b'"%s"' % row["last"].encode(),
        row["items"] or b"",
    )
