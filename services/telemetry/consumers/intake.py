"""The intake: from received messages to committed batches, acknowledgements and receipts.

Workers take whatever is waiting, so an idle platform stores a fix at once and a busy one in large batches;
nothing lingers. A message is acknowledged only after its transaction has committed, through the connection
that brought it. When the database is away the same batch is tried again until it is back; the broker keeps
the rest.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable

import asyncpg
from prometheus_client import Counter, Gauge, Histogram

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.mqtt import Connection, Message
from services.telemetry.consumers.documents import Documents
from services.telemetry.domain.fixes import Rejected, decode
from services.telemetry.domain.receipts import PendingReceipts
from services.telemetry.domain.rows import encode
from services.telemetry.domain.topics import terminal_of
from services.telemetry.operations.storing import EPOCH, Batch, Quarantine, store_batch
from services.telemetry.queries.terminals import find_terminal_keys

SPILL_MESSAGES = 2000
BATCH_BYTES = 4 << 20
TOPICS_REMEMBERED = 100_000
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0

POSITIONS = Counter("telemetry_positions_total", "Positions in committed batches", ["outcome"])
MESSAGES = Counter("telemetry_messages_total", "Messages acknowledged after commit")
WAITING = Gauge("telemetry_messages_waiting", "Messages received and not yet stored")
STORE_SECONDS = Histogram("telemetry_store_seconds", "Time to commit one batch")
STORE_FAILURES = Counter("telemetry_store_failures_total", "Batches that had to be tried again")

Finished = dict[str, list[tuple[int | None, int]]]
log = get_log(__name__)


class Intake:
    """Shared by all sessions of an ingest process; :meth:`receive` is their callback."""

    def __init__(self, database: Database, receipts: PendingReceipts, zone: str, batch_messages: int) -> None:
        self._database, self._receipts, self._zone = database, receipts, zone
        self._batch_messages = batch_messages
        self._waiting: deque[tuple[Connection, Message]] = deque()
        self._some, self._many = asyncio.Event(), asyncio.Event()
        self._keys: dict[str, int] = {}
        self._topics: dict[bytes, str] = {}
        self._suspicious = 0
        self.committed = asyncio.Event()
        """Set after each commit, for whoever folds."""
        self.is_storing = True
        """False while the database does not take batches."""

    def receive(self, connection: Connection, messages: list[Message]) -> None:
        """Take what one read of a session's socket brought."""
        self._waiting.extend([(connection, message) for message in messages])
        self._some.set()
        if len(self._waiting) >= SPILL_MESSAGES:
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

    def _take(self) -> list[tuple[Connection, Message]]:
        waiting, size = self._waiting, 0
        taken: list[tuple[Connection, Message]] = []
        while waiting and len(taken) < self._batch_messages and size < BATCH_BYTES:
            entry = waiting.popleft()
            size += len(entry[1].payload)
            taken.append(entry)
        if not waiting:
            self._some.clear()
        if len(waiting) < SPILL_MESSAGES:
            self._many.clear()
        WAITING.set(len(waiting))
        return taken

    async def _finish(
        self, store: "_Store", taken: list[tuple[Connection, Message]], stopped: asyncio.Task[bool]
    ) -> None:
        """Store one batch however long it takes, then acknowledge it; only the process's end gives up."""
        pause = FIRST_PAUSE_S
        while not stopped.done():
            try:
                connection = await store.connection()
                batch, finished = await self._assemble(connection, taken)
                with STORE_SECONDS.time():
                    had_duplicates = await store_batch(connection, batch, self._zone)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
                self.is_storing = False
                STORE_FAILURES.inc()
                log.warning("batch_not_stored", error=type(error).__name__, messages=len(taken))
                await store.close()
                await asyncio.wait([stopped], timeout=pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self.is_storing = True
                self._suspicious = 16 if had_duplicates else max(self._suspicious - 1, 0)
                self._acknowledge(taken, batch, finished)
                return

    async def _assemble(
        self, connection: "asyncpg.Connection[asyncpg.Record]", taken: list[tuple[Connection, Message]]
    ) -> tuple[Batch, Finished]:
        """Decode and judge the messages; list what the commit finishes, for the receipts."""
        now = utc_now()
        now_ms = round((now - EPOCH).total_seconds() * 1000)
        await self._resolve(connection, {message.topic for _, message in taken})
        batch, finished = Batch(now, redelivered=self._suspicious > 0), Finished()
        rows, keys, topics = batch.rows, self._keys, self._topics
        documents = Documents(batch, now_ms)
        for _, message in taken:
            number = topics[message.topic]
            key = keys.get(number)
            accepted, rejected = decode(message.payload, now_ms)
            batch.redelivered |= message.dup
            if (rejected or key is None) and documents.take(number, key, message.payload):
                continue
            done = finished.setdefault(number, [])
            if key is None:
                rejected += [Rejected("unknown_terminal", number, message.payload) for _ in accepted]
            else:
                for time_ms, fix in accepted:
                    rows.append(encode(key, time_ms, fix, now_ms))
                    if fix.seq is not None:
                        done.append((fix.boot, fix.seq))
            for item in rejected:
                batch.rejects.append(Quarantine(number, key, item))
                if item.seq is not None:
                    done.append((item.boot, item.seq))
        await documents.resolve(connection)
        return batch, finished

    async def _resolve(
        self, connection: "asyncpg.Connection[asyncpg.Record]", topics: Iterable[bytes]
    ) -> None:
        """Find the keys of terminals not met before; an unknown one is asked for again with each batch."""
        if len(self._topics) > TOPICS_REMEMBERED:
            self._topics.clear()
        for topic in topics:
            if topic not in self._topics:
                self._topics[topic] = terminal_of(topic)
        numbers = {self._topics[topic] for topic in topics}
        unknown = [number for number in numbers if number not in self._keys]
        if unknown:
            self._keys.update(await find_terminal_keys(connection, unknown))

    def _acknowledge(self, taken: list[tuple[Connection, Message]], batch: Batch, finished: Finished) -> None:
        by_connection: dict[Connection, list[int]] = {}
        for connection, message in taken:
            if message.packet_id:
                by_connection.setdefault(connection, []).append(message.packet_id)
        for connection, packet_ids in by_connection.items():
            connection.acknowledge(packet_ids)
        now = asyncio.get_running_loop().time()
        for number, done in finished.items():
            if done:
                self._receipts.add(number, done, now)
        MESSAGES.inc(len(taken))
        POSITIONS.labels("good").inc(len(batch.rows))
        POSITIONS.labels("quarantined").inc(len(batch.rejects))
        self.committed.set()


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
