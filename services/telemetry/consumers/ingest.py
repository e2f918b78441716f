"""The process `telemetry-ingest`: one persistent MQTT session per shard, batches, receipts, folding."""

import asyncio
import gc
from collections.abc import Mapping

import asyncpg

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.errors import Unavailable
from services.shared.logs import get_log
from services.shared.mqtt import Options, Session
from services.shared.process import every, run
from services.telemetry.consumers.commands import MqttCommands
from services.telemetry.consumers.intake import Intake
from services.telemetry.domain.receipts import PendingReceipts
from services.telemetry.domain.topics import (
    BRIDGE_FILTER,
    INGEST_USER_PREFIX,
    SHARDS,
    positions_filter,
    receipts_topic,
    shard_of,
)
from services.telemetry.operations.city_profile import read_health_limits
from services.telemetry.operations.folding import MAX_BATCHES, fold_batches
from services.telemetry.operations.storing import make_partitions
from services.telemetry.settings import IngestSettings

PARTITION_PERIOD_S = 3600.0
RECEIPT_TICK_S = 0.25
MORE_WORKERS = 3
"""Beside the one that suffices in quiet times: COPYs in flight under load."""
FOLD_SHARE = 10
FOLD_LEAST_PAUSE_S, FOLD_LONGEST_PAUSE_S = 0.25, 5.0
FAILURE_PAUSE_S = 0.5
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

log = get_log(__name__)


class Ingest:
    """The parts of one ingest member."""

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._database = Database(settings.database_url.get_secret_value(), application="telemetry-ingest")
        self._receipts = PendingReceipts(settings.receipt_period_s, settings.receipt_burst)
        self._zone, self._jump = settings.zone.key, read_health_limits(settings.city_profile).jump
        self.intake = Intake(self._database, self._receipts, self._zone, settings.batch_messages)
        self.sessions: Mapping[str, Session] = {shard: self._session(shard) for shard in settings.own_shards}

    def _session(self, shard: str) -> Session:
        settings = self._settings
        name = f"{INGEST_USER_PREFIX}{shard}"
        options = Options(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            client_id=name,
            username=name,
            password=settings.mqtt_password.get_secret_value(),
            receive_maximum=settings.receive_maximum,
        )
        filters = (positions_filter(shard), *([BRIDGE_FILTER] if shard == SHARDS[0] else []))
        return Session(options, filters, self.intake.receive)

    async def run(self, stop: asyncio.Event) -> None:
        """Receive, store, acknowledge, receipt and fold until ``stop``."""
        await self._prepare(stop)
        async with asyncio.TaskGroup() as group:
            for session in self.sessions.values():
                group.create_task(session.run(stop))
            group.create_task(self.intake.work(stop, Intake.some))
            for _ in range(MORE_WORKERS):
                group.create_task(self.intake.work(stop, Intake.many))
            group.create_task(self._send_receipts(stop))
            group.create_task(MqttCommands(self._database, self.sessions).run(stop))
            group.create_task(self._fold(stop))
            group.create_task(every(PARTITION_PERIOD_S, stop, self._make_partitions))
        await self._database.close()

    async def ready(self) -> None:
        """Check that every shard is subscribed and batches are stored.

        Raises:
            Unavailable: not so.
        """
        closed = [shard for shard, session in self.sessions.items() if not session.is_open]
        if closed or not self.intake.is_storing:
            raise Unavailable(f"shards not open: {','.join(closed)}; storing: {self.intake.is_storing}")

    async def _prepare(self, stop: asyncio.Event) -> None:
        """Wait until the database answers and today's partitions stand: only then may messages come."""
        while not stop.is_set():
            try:
                await self._make_partitions_once()
            except DATABASE_ERRORS as error:
                log.warning("database_not_ready", error=type(error).__name__)
                await asyncio.sleep(FAILURE_PAUSE_S)
            else:
                return

    async def _make_partitions_once(self) -> None:
        connection = await self._database.connect()
        try:
            await make_partitions(connection, utc_now())
        finally:
            await connection.close()

    async def _make_partitions(self) -> None:
        try:
            await self._make_partitions_once()
        except DATABASE_ERRORS as error:
            log.warning("partitions_not_made", error=type(error).__name__)

    async def _send_receipts(self, stop: asyncio.Event) -> None:
        """Send what is due; one that cannot go out is dropped: the terminal sends again and is told then."""
        tick = min(RECEIPT_TICK_S, self._settings.receipt_period_s / 4)
        while not stop.is_set():
            self._send_due()
            await _wait_until(stop, tick)

    def _send_due(self) -> None:
        by_shard: dict[str, list[tuple[str, bytes]]] = {}
        for terminal, payload in self._receipts.take_due(asyncio.get_running_loop().time()):
            by_shard.setdefault(shard_of(terminal), []).append((receipts_topic(terminal), payload))
        for shard, receipts in by_shard.items():
            session = self.sessions.get(shard)
            if session is not None and session.connection is not None:
                session.connection.publish(receipts)

    async def _fold(self, stop: asyncio.Event) -> None:
        """Fold soon after each commit, for about a tenth of the time at most.

        A rush of so many terminals that a fold takes long makes latest positions late, by some seconds.
        """
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            self.intake.committed.clear()
            began = loop.time()
            try:
                connection = connection or await self._database.connect()
                folded = await fold_batches(connection, self._zone, self._jump)
            except DATABASE_ERRORS as error:
                log.warning("fold_failed", error=type(error).__name__)
                _discard(connection)
                connection, folded = None, 0
                await asyncio.sleep(FAILURE_PAUSE_S)
            if folded < MAX_BATCHES:
                pause = max(FOLD_SHARE * (loop.time() - began), FOLD_LEAST_PAUSE_S)
                await asyncio.sleep(min(pause, FOLD_LONGEST_PAUSE_S))
                await _wait_until(self.intake.committed, self._settings.fold_period_s)
        _discard(connection)


def _discard(connection: "asyncpg.Connection[asyncpg.Record] | None") -> None:
    if connection is not None:
        connection.terminate()


async def _wait_until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def main() -> None:
    """Run the process."""
    settings = IngestSettings()
    # Messages live for one batch and hold no cycles: looking for them a thousand times a second is wasted.
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    ingest: list[Ingest] = []

    async def work(stop: asyncio.Event) -> None:
        ingest.append(Ingest(settings))
        await ingest[0].run(stop)

    async def ready() -> None:
        if not ingest:
            raise Unavailable("starting")
        await ingest[0].ready()

    run("telemetry-ingest", settings, work, ready=ready)


if __name__ == "__main__":
    main()
