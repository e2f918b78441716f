"""Waking long polls: one LISTEN connection of an API process, opened when the first one waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from fastapi import Request

from services.shared.db import Database

_RECHECK_S = 1.0


class _HasCount(Protocol):
    @property
    def count(self) -> int: ...


Counted = TypeVar("Counted", bound=_HasCount)


class Wakeups:
    """Sets the event of every waiting poll when the sequencer says that there is more."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._events: set[asyncio.Event] = set()
        self._connection: Any = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def listening(self, database: Database) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set at each batch of the sequencer."""
        async with self._opening:
            if self._connection is None or self._connection.is_closed():
                self._connection = await database.connect()
                await self._connection.add_listener(self._channel, self._wake)
        event = asyncio.Event()
        self._events.add(event)
        try:
            yield event
        finally:
            self._events.discard(event)

    async def poll(self, request: Request, read: Callable[[], Awaitable[Counted]], wait: float) -> Counted:
        """Read until there is something, the caller has gone or `wait` seconds are over; the last reading.

        A page read between two notifications is never missed: the event is cleared before each reading,
        and each second looks again, should a notification have been lost with its connection.
        """
        page = await read()
        if page.count or not wait:
            return page
        deadline = time.monotonic() + wait
        async with self.listening(request.app.state.database) as woken:
            while True:
                woken.clear()
                page = await read()
                left = deadline - time.monotonic()
                if page.count or left <= 0:
                    return page
                if not await self.pause(woken, request, min(left, _RECHECK_S)):
                    return page

    async def pause(self, woken: asyncio.Event, request: Request, seconds: float) -> bool:
        """Wait for a batch, at most so long; False when the caller has hung up and nobody waits any more.

        A poll that outlived its caller would hold up the end of the process.
        """
        waiting = {asyncio.create_task(woken.wait()), hung_up := asyncio.create_task(_until_gone(request))}
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return not hung_up.done()
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _wake(self, *_notification: Any) -> None:
        for event in self._events:
            event.set()

    async def close(self) -> None:
        """Close the connection; called when the app ends."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            await connection.remove_listener(self._channel, self._wake)
            await connection.close(timeout=2)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
