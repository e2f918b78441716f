"""The follower: changes and cursor in one transaction, so that it resumes exactly wherever it stopped."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from prometheus_client import Counter, Gauge
from sqlalchemy import Table, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.db import Database
from services.shared.follow.client import ChangesRead, FeedLost, read_changes, read_snapshot
from services.shared.follow.source import Change, Cursor, Source
from services.shared.logs import get_log

Apply = Callable[[AsyncSession, Change], Awaitable[None]]
Reset = Callable[[AsyncSession], Awaitable[None]]
Result = TypeVar("Result")

_PAUSE_S = (0.1, 5.0)
"""First and longest pause after an error."""

POSITION = Gauge("follow_position", "Position followed to.", ["follower", "source"])
BEHIND = Gauge("follow_behind", "Positions between the source's head and this copy.", ["follower", "source"])
LAG = Gauge(
    "follow_lag_seconds", "Age of the last applied change when it was applied.", ["follower", "source"]
)
BOOTSTRAPS = Counter("follow_bootstraps", "Copies built again from a snapshot.", ["follower", "source"])
ERRORS = Counter("follow_errors", "Rounds that failed and will be tried again.", ["follower", "source"])


class Moved(Exception):
    """Another process of this service moved the cursor; read it again."""


class _Stopped(Exception):
    """The process is ending."""


async def run_follower(
    database: Database,
    cursors: Table,
    source: Source,
    apply: Apply,
    stop: asyncio.Event,
    *,
    reset: Reset,
) -> None:
    """Keep a copy equal to its source until `stop` is set; a task of the worker.

    Starts from the snapshot when it never ran, when `copy_version` was raised, and when the source says
    that the feed forked or was compacted. Errors are logged and tried again, never skipped.

    Args:
        database: Of the worker role.
        cursors: What `follow_tables(Base.metadata)` returned.
        source: What to follow.
        apply: Brings one change into the copy, by version (`upsert_copy` does); may write other rows of
            this service in the same transaction.
        stop: Ends it.
        reset: Empties the copies (DELETE, not TRUNCATE: readers go on with the old ones until the commit).
    """
    follower = Follower(database, cursors, source, apply, reset)
    log, pause = get_log("follower"), _PAUSE_S[0]
    while not stop.is_set():
        try:
            await follower.round(stop)
            pause = _PAUSE_S[0]
        except _Stopped:
            return
        except Moved:
            continue
        except Exception as error:
            ERRORS.labels(*follower.labels).inc()
            log.exception("follow_failed", source=source.name, error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, _PAUSE_S[1])


class Follower:
    """One copy and its cursor."""

    def __init__(
        self, database: Database, cursors: Table, source: Source, apply: Apply, reset: Reset
    ) -> None:
        self.database, self.cursors, self.source = database, cursors, source
        self.apply, self.reset = apply, reset
        self.labels = (str(cursors.schema), source.name)

    async def round(self, stop: asyncio.Event, wait: int = 25) -> None:
        """Apply one page, or build the copy again.

        Raises:
            Moved: The cursor is no longer where this round began.
        """
        async with self.database.transaction(readonly=True) as session:
            cursor = await self._cursor(session)
        if cursor is None or cursor.copy_version != self.source.copy_version:
            await self._bootstrap(cursor)
            return
        try:
            page = await _unless(stop, read_changes(self.source, cursor, wait))
        except FeedLost as reason:
            get_log("follower").warning("feed_lost", source=self.source.name, reason=str(reason))
            await self._bootstrap(cursor)
            return
        if page.cursor != cursor:
            await self._apply_page(cursor, page)
        BEHIND.labels(*self.labels).set(page.head - page.cursor.pos)
        POSITION.labels(*self.labels).set(page.cursor.pos)

    async def _apply_page(self, before: Cursor, page: ChangesRead) -> None:
        async with self.database.transaction() as session:
            await self._claim(session, before)
            for change in page.changes:
                await self.apply(session, change)
            await self._save(session, page.cursor, page.recorded_at)
        if page.recorded_at is not None:
            LAG.labels(*self.labels).set(max(0.0, time.time() - page.recorded_at.timestamp()))

    async def _bootstrap(self, before: Cursor | None) -> None:
        """Build the copy again in one transaction; the changes after its position follow as usual."""
        after: Cursor | None = None
        async with self.database.transaction() as session:
            await self._claim(session, before)
            await self.reset(session)
            async for page in read_snapshot(self.source):
                after = after or Cursor(page.feed_id, page.pos, page.digest, self.source.copy_version)
                for change in page.changes:
                    await self.apply(session, change)
            if after is not None:
                await self._save(session, after, None)
        BOOTSTRAPS.labels(*self.labels).inc()

    async def _claim(self, session: AsyncSession, expected: Cursor | None) -> None:
        """Keep other processes of this service out and check that none was faster."""
        name = f"follow.{self.labels[0]}.{self.source.name}"
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
        )
        if await self._cursor(session) != expected:
            raise Moved

    async def _cursor(self, session: AsyncSession) -> Cursor | None:
        c = self.cursors.c
        row = (
            await session.execute(
                select(c.feed_id, c.pos, c.digest, c.copy_version).where(c.source == self.source.name)
            )
        ).one_or_none()
        return Cursor(*row) if row else None

    async def _save(self, session: AsyncSession, cursor: Cursor, recorded_at: Any) -> None:
        values = {
            "feed_id": cursor.feed_id,
            "pos": cursor.pos,
            "digest": cursor.digest,
            "copy_version": cursor.copy_version,
            "recorded_at": recorded_at,
            "updated_at": func.now(),
        }
        await session.execute(
            insert(self.cursors)
            .values(source=self.source.name, **values)
            .on_conflict_do_update(index_elements=["source"], set_=values)
        )


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what `work` returns, or end it when the process ends first."""
    task, ending = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, ending}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _Stopped
    finally:
        for each in (task, ending):
            each.cancel()
        await asyncio.gather(task, ending, return_exceptions=True)
