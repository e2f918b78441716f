"""The listener's intake: reports of many connections into one transaction, answers after its commit.

The worker takes whatever is waiting, so a lone report is stored at once and a rush in large batches; nothing
lingers. While the database is away the same batch is tried again and nobody is answered: terminals repeat
what is not answered. What is finished with, whether stored, known already or in quarantine, is answered.
"""

import asyncio
import contextlib
from collections import deque
from typing import NamedTuple, Protocol

import asyncpg
from prometheus_client import Counter, Gauge, Histogram

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.operations.batch import Batch
from services.telemetry.operations.storing import store_batch

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

REPORTS = Counter("telemetry_jt808_reports_total", "Reports in committed batches", ["outcome"])
WAITING = Gauge("telemetry_jt808_reports_waiting", "Reports received and not yet stored")
STORE_SECONDS = Histogram("telemetry_jt808_store_seconds", "Time to commit one batch of reports")
STORE_FAILURES = Counter("telemetry_jt808_store_failures_total", "Batches that had to be tried again")

log = get_log(__name__)


class Sender(Protocol):
    """A connection that waits for answers."""

    def answer_finished(self, submissions: "list[Submission]") -> None:
        """Answer messages whose reports are finished with."""

    def go_on(self) -> None:
        """Submit again: there is room."""


class Submission(NamedTuple):
    """A message's reports, judged; ``serials`` are those of the packages it came in."""

    sender: Sender
    key: int
    number: str
    msg_id: int
    serials: tuple[int, ...]
    reports: list[Judged]


class ReportIntake:
    """Shared by all connections of a listener."""

    def __init__(self, database: Database, zone: str, *, batch: int, waiting: int) -> None:
        self._database, self._zone, self._batch, self._limit = database, zone, batch, waiting
        self._waiting: deque[Submission] = deque()
        self._count = 0
        self._blocked: dict[Sender, None] = {}
        self._some = asyncio.Event()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self.is_storing = True
        """False while the database does not take batches."""

    def has_room(self, sender: Sender) -> bool:
        """Whether another message may come; if not, the sender is called when one may."""
        if self._count < self._limit:
            return True
        self._blocked[sender] = None
        return False

    def submit(self, submission: Submission) -> None:
        """Take a message's reports."""
        self._waiting.append(submission)
        self._count += len(submission.reports)
        self._some.set()

    def forget(self, sender: Sender) -> None:
        """Call a sender no more; what it submitted is stored all the same."""
        self._blocked.pop(sender, None)

    async def work(self, stop: asyncio.Event) -> None:
        """Store batches until ``stop``."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                if not self._some.is_set():
                    called = asyncio.create_task(self._some.wait())
                    await asyncio.wait([called, stopped], return_when=asyncio.FIRST_COMPLETED)
                    called.cancel()
                taken = self._take()
                if taken:
                    await self._finish(taken, stopped)
        finally:
            stopped.cancel()
            await self._disconnect()

    def _take(self) -> list[Submission]:
        taken: list[Submission] = []
        size = 0
        while self._waiting and size < self._batch:
            taken.append(self._waiting.popleft())
            size += len(taken[-1].reports)
        if not self._waiting:
            self._some.clear()
        WAITING.set(self._count)
        return taken

    async def _finish(self, taken: list[Submission], stopped: asyncio.Task[bool]) -> None:
        """Store one batch however long it takes, then answer; only the process's end gives up."""
        pause = FIRST_PAUSE_S
        while not stopped.done():
            batch = assemble(taken)
            try:
                with STORE_SECONDS.time():
                    await store_batch(await self._connect(), batch, self._zone)
            except ERRORS as error:
                self.is_storing = False
                STORE_FAILURES.inc()
                log.warning("reports_not_stored", error=type(error).__name__, messages=len(taken))
                await self._disconnect()
                await asyncio.wait([stopped], timeout=pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                self.is_storing = True
                REPORTS.labels("good").inc(batch.good)
                REPORTS.labels("quarantined").inc(len(batch.rejects))
                self._answer(taken)
                return

    def _answer(self, taken: list[Submission]) -> None:
        by_sender: dict[Sender, list[Submission]] = {}
        for submission in taken:
            self._count -= len(submission.reports)
            by_sender.setdefault(submission.sender, []).append(submission)
        for sender, submissions in by_sender.items():
            sender.answer_finished(submissions)
        blocked, self._blocked = self._blocked, {}
        for sender in blocked:
            sender.go_on()

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._database.connect()
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*ERRORS):
                await connection.close(timeout=1)


def assemble(submissions: list[Submission]) -> Batch:
    """Give the batch of all reports of these messages."""
    now = utc_now()
    now_ms = to_ms(now)
    batch = Batch(now)
    for submission in submissions:
        for report in submission.reports:
            batch.add(submission.number, submission.key, report, now_ms)
    return batch
