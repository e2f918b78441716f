"""Waking long polls: one LISTEN connection of an API process, opened when the first one waits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from services.shared.db import Database


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
