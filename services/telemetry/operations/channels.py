"""Channels: one reading a second of what has changed, for all streams of one audience.

An audience is a firm, or one kind of office. The reading goes under that audience's own row-level security
and its `where` about ownership; a stream of it only narrows what it shows.
"""

import asyncio
import contextlib
from typing import Final, Protocol

from sqlalchemy.exc import DBAPIError

from services.shared.auth import Principal
from services.shared.clock import Clock
from services.shared.db import Database, DbScope
from services.shared.logs import get_log
from services.telemetry.domain.states import ReadingRules
from services.telemetry.queries.positions import held_to
from services.telemetry.queries.streams import Change, find_changed, get_head

PERIOD_S: Final = 1.0
log = get_log(__name__)


class Listener(Protocol):
    """Who is told of changes."""

    def offer(self, changes: list[Change]) -> None:
        """Take what has changed, in order of revision."""


class Channel:
    """Changes of one audience, read while anybody listens."""

    def __init__(self, database: Database, who: Principal, rules: ReadingRules, clock: Clock) -> None:
        self._database, self._rules, self._clock = database, rules, clock
        self._enterprise = held_to(who)
        given = who.db_scope
        self._scope = DbScope(given.role, given.enterprise_id, "stream")
        self._listeners: set[Listener] = set()
        self._head = 0
        self._beginning = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Nobody listens."""
        return not self._listeners

    async def join(self, listener: Listener, after: int) -> int:
        """Let somebody listen, and offer what has changed since a revision before anything else is told.

        Returns:
            The revision it goes on from: that given, or 0 when there has never been such a one (a restored
            database counts anew).

        Raises:
            DBAPIError, OSError: the database is away.
        """
        self._listeners.add(listener)
        try:
            after, changes = await self._catch_up(after)
        except BaseException:
            self._listeners.discard(listener)
            raise
        listener.offer(changes)
        return after

    async def leave(self, listener: Listener) -> None:
        """Let somebody go; the last one ends the reading."""
        self._listeners.discard(listener)
        if self.is_idle and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _catch_up(self, after: int) -> tuple[int, list[Change]]:
        """Read what a listener has missed; the first one begins the reading where it has come to.

        Who joins meanwhile reads after that, so never less far than the reading goes on from.
        """
        async with self._beginning:
            if self._task is None:
                after, changes = await self._read_since(after)
                self._head = changes[-1].revision if changes else after
                self._task = asyncio.create_task(self._run())
                return after, changes
        return await self._read_since(after)

    async def _read_since(self, after: int) -> tuple[int, list[Change]]:
        async with self._database.transaction(self._scope, readonly=True) as session:
            after = after if after <= await get_head(session, self._enterprise) else 0
        return after, await self._read(after)

    async def _read(self, after: int) -> list[Change]:
        at = self._clock(), self._rules
        async with self._database.transaction(self._scope, readonly=True) as session:
            return await find_changed(session, self._enterprise, after, at)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                changes = await self._read(self._head)
            except (DBAPIError, OSError, TimeoutError) as error:
                log.warning("stream_not_read", error=type(error).__name__)
                continue
            if changes:
                self._head = changes[-1].revision
                for listener in self._listeners:
                    listener.offer(changes)
