"""The process `telemetry-listener`: JT/T 808 terminals over TCP (docs/terminals.md)."""

import asyncio
import gc
import resource

import asyncpg

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.errors import Unavailable
from services.shared.logs import get_log
from services.shared.process import run
from services.telemetry.consumers.hub import Hub
from services.telemetry.consumers.session import Session
from services.telemetry.operations.storing import make_partitions
from services.telemetry.settings import ListenerSettings

BACKLOG = 2048
FAILURE_PAUSE_S = 0.5
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

log = get_log(__name__)


class Listener:
    """The parts of one listener; made inside a running loop."""

    def __init__(self, settings: ListenerSettings) -> None:
        self._settings = settings
        self._database = Database(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool,
            application="telemetry-listener",
        )
        self._hub = Hub(settings, self._database)
        self.is_listening = False

    async def run(self, stop: asyncio.Event) -> None:
        """Listen, store and answer until ``stop``."""
        await self._prepare(stop)
        settings = self._settings
        server = await asyncio.get_running_loop().create_server(
            lambda: Session(self._hub), settings.jt808_host, settings.jt808_port, backlog=BACKLOG
        )
        self.is_listening = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hub.intake.work(stop))
                group.create_task(self._hub.tend(stop))
        finally:
            server.close()
            self._hub.close()
            await self._database.close()

    async def ready(self) -> None:
        """Check that it listens and stores.

        Raises:
            Unavailable: not so.
        """
        if not self.is_listening or not self._hub.intake.is_storing:
            raise Unavailable(f"listening: {self.is_listening}; storing: {self._hub.intake.is_storing}")

    async def _prepare(self, stop: asyncio.Event) -> None:
        """Wait until the database answers and the partitions stand: only then may terminals come."""
        while not stop.is_set():
            try:
                connection = await self._database.connect()
                try:
                    await make_partitions(connection, utc_now())
                finally:
                    await connection.close()
            except DATABASE_ERRORS as error:
                log.warning("database_not_ready", error=type(error).__name__)
                await asyncio.sleep(FAILURE_PAUSE_S)
            else:
                return


def main() -> None:
    """Run the process."""
    settings = ListenerSettings()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, settings.jt808_connections + 100)), hard))
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    listener: list[Listener] = []

    async def work(stop: asyncio.Event) -> None:
        listener.append(Listener(settings))
        await listener[0].run(stop)

    async def ready() -> None:
        if not listener:
            raise Unavailable("starting")
        await listener[0].ready()

    run("telemetry-listener", settings, work, ready=ready)


if __name__ == "__main__":
    main()
