"""Gathering: what arrives while a batch is under way goes together into the next one.

Nobody waits for company: a lone question leaves at once, a crowd shares one statement and one commit.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Ask = TypeVar("Ask")
Reply = TypeVar("Reply")


class Batcher(Generic[Ask, Reply]):
    """Turns single asks into batches.

    Args:
        run: Answers a batch, one reply an ask, in order.
        limit: Most asks of a batch.
        lanes: Batches under way at once; 1 keeps them in order.
    """

    def __init__(
        self, run: Callable[[Sequence[Ask]], Awaitable[Sequence[Reply]]], *, limit: int, lanes: int = 1
    ) -> None:
        self._run = run
        self._limit = limit
        self._free = lanes
        self._waiting: list[tuple[Ask, asyncio.Future[Reply]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = 0

    @property
    def is_idle(self) -> bool:
        """Nobody waits for a reply."""
        return self._asking == 0

    async def ask(self, ask: Ask) -> Reply:
        """Return the reply to one ask; raises what its batch raised."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        self._asking += 1
        try:
            self._start()
            return await future
        finally:
            self._asking -= 1

    def _start(self) -> None:
        if self._free and self._waiting:
            self._free -= 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            # One turn of the loop, so that requests read in the same turn share the batch.
            await asyncio.sleep(0)
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._settle(batch)
        finally:
            self._free += 1

    async def _settle(self, batch: Sequence[tuple[Ask, asyncio.Future[Reply]]]) -> None:
        try:
            replies = await self._run([ask for ask, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits for it
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), reply in zip(batch, replies, strict=True):
            if not future.done():
                future.set_result(reply)


class Batchers(Generic[Key, Ask, Reply]):
    """One batcher a key: only those who may see the same share a statement.

    Args:
        run: Answers a batch of one key, one reply an ask, in order.
        limit: Most asks of a batch.
        lanes: Batches of one key under way at once.
    """

    def __init__(
        self,
        run: Callable[[Key, Sequence[Ask]], Awaitable[Sequence[Reply]]],
        *,
        limit: int,
        lanes: int = 1,
    ) -> None:
        self._run = run
        self._limit = limit
        self._lanes = lanes
        self._batchers: dict[Key, Batcher[Ask, Reply]] = {}

    async def ask(self, key: Key, ask: Ask) -> Reply:
        """Return the reply to one ask; raises what its batch raised."""
        batcher = self._batchers.get(key)
        if batcher is None:
            batcher = self._batchers[key] = Batcher(
                partial(self._run, key), limit=self._limit, lanes=self._lanes
            )
        try:
            return await batcher.ask(ask)
        finally:
            if batcher.is_idle:  # the last to leave: until then whoever comes joins this one
                self._batchers.pop(key, None)
