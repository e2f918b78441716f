"""The intake: from received messages to committed batches, acknowledgements and receipts.

Workers take whatever is waiting, so an idle platform stores a fix at once and a busy one in large batches;
nothing lingers. A message is acknowledged only after its transaction has committed, through the connection
that brought it. When the database is away the same batch is tried again until it is back; the broker keeps
the rest.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import asyncpg
from prometheus_client import Counter, Gauge, Histogram

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.mqtt import Connection, Message
from services.telemetry.consumers.assembling import Assembler
from services.telemetry.domain.receipts import Finished, PendingReceipts
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.storing import store_batch

SPILL_BYTES = 1 << 20
"""More than this waiting calls the other workers, so that the database never waits for the next batch."""
BATCH_BYTES = 4 << 20
PORTION_BYTES = 256 << 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0

POSITIONS = Counter("telemetry_positions_total", "Positions in committed batches", ["outcome"])
MESSAGES = Counter("telemetry_messages_total", "Messages acknowledged after commit")
WAITING = Gauge("telemetry_messages_waiting", "Messages received and not yet stored")
STORE_SECONDS = Histogram("telemetry_store_seconds", "Time to commit one batch")
STORE_FAILURES = Counter("telemetry_store_failures_total", "Batches that had to be tried again")

log = get_log(__name__)


class _Read(NamedTuple):
    """What one read of a session's socket brought."""

    connection: Connection
    messages: list[Message]
    size: int


class Intake:
    """Shared by all sessions of an ingest process; :meth:`receive` is their callback."""

    def __init__(self, database: Database, receipts: PendingReceipts, zone: str, batch_messages: int) -> None:
        self._database, self._receipts, self._zone = database, receipts, zone
        self._batch_messages = batch_messages
        self._waiting: deque[_Read] = deque()
        self._waiting_messages = self._waiting_bytes = 0
        self._some, self._many = asyncio.Event(), asyncio.Event()
        self._assembler = Assembler()
        self._suspicious = 0
        self.committed = asyncio.Event()
        """Set after each commit, for whoever folds."""
        self.is_storing = True
        """False while the database does not take batches."""

    def receive(self, connection: Connection, messages: list[Message]) -> None:
        """Take what one read of a session's socket brought."""
        size = sum([len(message.payload) for message in messages])
        self._waiting.append(_Read(connection, messages, size))
        self._waiting_messages += len(messages)
        self._waiting_bytes += size
        self._some.set()
        if self._waiting_bytes >= SPILL_BYTES:
            self._many.set()

    async def work(self, stop: asyncio.Event, wake: Callable[["Intake"], asyncio.Event]) -> None:
        """Store batches on a connection of its own until ``stop``; ``wake`` gives what calls the worker."""
        event = wake(self)
        store = _Store(self._database)
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                if not event.is_set():
                    called = asyncio.create_task(event.wait())
                    await asyncio.wait([called, stopped], return_when=asyncio.FIRST_COMPLETED)
                    called.cancel()
                taken = self._take()
                if taken:
                    await self._finish(store, taken, stopped)
        finally:
            stopped.cancel()
            await store.close()

    def some(self) -> asyncio.Event:
        """Set while anything waits."""
        return self._some

    def many(self) -> asyncio.Event:
        """Set while more waits than one worker should take alone."""
        return self._many

    def _take(self) -> list[_Read]:
        """Take whole reads up to the size of a batch, which the last may exceed."""
        waiting, count, size = self._waiting, 0, 0
        taken: list[_Read] = []
        while waiting and count < self._batch_messages and size < BATCH_BYTES:
            read = waiting.popleft()
            count += len(read.messages)
            size += read.size
            taken.append(read)
        self._waiting_messages -= count
        self._waiting_bytes -= size
        if not waiting:
            self._some.clear()
        if self._waiting_bytes < SPILL_BYTES:
            self._many.clear()
        WAITING.set(self._waiting_messages)
        return taken

    async def _finish(self, store: "_Store", taken: list[_Read], stopped: asyncio.Task[bool]) -> None:
        """Store one batch however long it takes, then acknowledge it; only the process's end gives up."""
        pause = FIRST_PAUSE_S
        while not stopped.done():
            try:
                connection = await store.connection()
                batch, finished = await self._assembler.assemble(
                    connection, _portions(taken), utc_now(),
                    redelivered=self._suspicious > 0,
                )  # fmt: skip
                with STORE_SECONDS.time():
                    had_duplicates = await store_batch(connection, batch, self._zone)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                self.is_storing = False
                STORE_FAILURES.inc()
                log.warning("batch_not_stored", error=type(error).__name__, reads=len(taken))
                await store.close()
                await asyncio.wait([stopped], timeout=pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self.is_storing = True
                self._suspicious = 16 if had_duplicates else max(self._suspicious - 1, 0)
                self._acknowledge(taken, batch, finished)
                return

    def _acknowledge(self, taken: list[_Read], batch: Batch, finished: Finished) -> None:
        by_connection: dict[Connection, list[int]] = {}
        count = 0
        for connection, messages, _ in taken:
            packet_ids = [message.packet_id for message in messages if message.packet_id]
            by_connection.setdefault(connection, []).extend(packet_ids)
            count += len(messages)
        for connection, packet_ids in by_connection.items():
            connection.acknowledge(packet_ids)
        self._receipts.add(finished, asyncio.get_running_loop().time())
        MESSAGES.inc(count)
        POSITIONS.labels("good").inc(batch.good)
        POSITIONS.labels("quarantined").inc(len(batch.rejects))
        self.committed.set()


def _portions(taken: list[_Read]) -> list[list[Message]]:
    """Give the messages in portions that are encoded together and stay in the processor's cache meanwhile."""
    portions: list[list[Message]] = []
    size = PORTION_BYTES
    for read in taken:
        if size >= PORTION_BYTES:
            portions.append([])
            size = 0
        portions[-1].extend(read.messages)
        size += read.size
    return portions


class _Store:
    """The database connection of one worker, opened again after a failure."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def connection(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._database.connect()
        return self._connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.close(timeout=1)
