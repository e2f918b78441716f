"""Pages of the exchange's logs, made as JSON inside PostgreSQL from exactly the stored bytes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.domain.datasets import Audience
from gateway.errors import ExchangeCut, ExchangeForked
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
_DIGEST = "'\"digest\":\"' || encode(digest, 'hex') || '\",'"
_CHANGE = f"convert_to('{{' || {_DIGEST} || {_FIELDS}, 'UTF8') || state || '}}'::bytea"
_HEAD = f"convert_to('{{' || {_FIELDS}, 'UTF8') || state || '}}'::bytea"

_LOG = (
    "SELECT l.*, (SELECT digest FROM gateway.exchange_changes AS c WHERE c.dataset = l.dataset"
    " AND c.audience = l.audience AND c.pos = $3) AS cursor_digest"
    " FROM gateway.exchange_logs AS l WHERE l.dataset = $1 AND l.audience = $2"
)
_CHANGES = (
    "SELECT count(*) AS found, count(*) FILTER (WHERE bytes < $6) AS taken,"  # noqa: S608 - constants
    " max(pos) FILTER (WHERE bytes < $6) AS last,"
    f" string_agg({_CHANGE}, ','::bytea ORDER BY pos) FILTER (WHERE bytes < $6) AS items FROM ("
    " SELECT *, sum(octet_length(state)) OVER (ORDER BY pos) - octet_length(state) AS bytes FROM ("
    " SELECT * FROM gateway.exchange_changes WHERE dataset = $1 AND audience = $2 AND pos > $3 AND pos <= $4"
    " ORDER BY pos LIMIT $5) AS found) AS sized"
)
_HEADS = (
    "SELECT count(*) AS found, count(*) FILTER (WHERE bytes < $5) AS taken,"  # noqa: S608 - constants
    " (array_agg(id ORDER BY id DESC) FILTER (WHERE bytes < $5))[1] AS last,"
    f" string_agg({_HEAD}, ','::bytea ORDER BY id) FILTER (WHERE bytes < $5 AND NOT deleted) AS items FROM ("
    " SELECT *, sum(octet_length(state)) OVER (ORDER BY id) - octet_length(state) AS bytes FROM ("
    " SELECT * FROM gateway.exchange_heads WHERE dataset = $1 AND audience = $2 AND id > $3"
    " ORDER BY id LIMIT $4) AS found) AS sized"
)


@dataclass(frozen=True, slots=True)
class LogName:
    """Which log."""

    dataset: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What a puller asks for; without `feed_id` and `digest` forks go unnoticed."""

    after: int = 0
    limit: int = 1000
    feed_id: UUID | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class ChangesPage:
    """A page as JSON bytes; `count` entries."""

    body: bytes
    count: int


async def get_log(connection: Any, name: LogName, at: int = 0) -> Any:
    """Return the head of a log, and the digest of position `at` as `cursor_digest`.

    Raises:
        Unavailable: The worker has not begun this log yet.
    """
    row = await connection.fetchrow(_LOG, name.dataset, name.audience.value, at)
    if row is None:
        raise Unavailable("数据集尚未就绪 / the dataset has not begun", headers={"Retry-After": "1"})
    return row


async def changes_page(connection: Any, name: LogName, query: ChangesQuery) -> ChangesPage:
    """Return the page after a cursor, in one read-only transaction of REPEATABLE READ.

    Raises:
        ExchangeForked: The cursor is of another history.
        ExchangeCut: The cursor's position is no longer kept.
    """
    log = await get_log(connection, name, query.after)
    _check_cursor(name, query, log)
    row = await connection.fetchrow(
        _CHANGES, name.dataset, name.audience.value, query.after, log["pos"], query.limit, PAGE_BYTES
    )
    whole = row["found"] == row["taken"] < query.limit
    body = b'{"feed_id":"%s","dataset":"%s","audience":"%s","head":%d,"next_after":%d,"items":[%s]}' % (
        str(log["feed_id"]).encode(),
        name.dataset.encode(),
        name.audience.value.encode(),
        log["pos"],
        log["pos"] if whole else row["last"],
        row["items"] or b"",
    )
    return ChangesPage(body, row["taken"])


async def snapshot_page(connection: Any, name: LogName, after: UUID | None, limit: int) -> bytes:
    """Return a page over the newest states, with the position and digest it was taken at.

    Later pages may be younger than the first: the reader replays the changes after the first page's
    `pos`, taking of each entity only what is newer than what it has.
    """
    log = await get_log(connection, name)
    row = await connection.fetchrow(
        _HEADS, name.dataset, name.audience.value, after or UUID(int=0), limit, PAGE_BYTES
    )
    whole = row["found"] == row["taken"] < limit
    return (
        b'{"feed_id":"%s","dataset":"%s","audience":"%s","pos":%d,"digest":"%s","next_cursor":%s,"items":[%s]}'
        % (
            str(log["feed_id"]).encode(),
            name.dataset.encode(),
            name.audience.value.encode(),
            log["pos"],
            log["digest"].hex().encode(),
            b"null" if whole else b'"%s"' % str(row["last"]).encode(),
            row["items"] or b"",
        )
    )


def _check_cursor(name: LogName, query: ChangesQuery, log: Any) -> None:
    if query.feed_id is not None and query.feed_id != log["feed_id"]:
        raise ExchangeForked(f"this feed is {log['feed_id']}", name.dataset)
    if query.after > log["pos"]:
        raise ExchangeForked(f"the head is {log['pos']}", name.dataset)
    if query.after < log["cut_pos"]:
        raise ExchangeCut(f"positions up to {log['cut_pos']} have been cut", name.dataset)
    known = log["cut_digest"] if query.after == log["cut_pos"] else log["cursor_digest"]
    if query.digest is not None and query.digest != known:
        raise ExchangeForked(f"position {query.after} has another digest", name.dataset)
