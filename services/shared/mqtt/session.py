"""A persistent session: one connection after another under the same client id, until told to stop."""

import asyncio
import random
from typing import Any

import structlog

from services.shared.mqtt.connection import Connection, MqttError, OnMessages, Options, connect

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0

log = structlog.get_logger(__name__)


class Session:
    """Keeps ``filters`` subscribed at QoS 1; the broker keeps what was not acknowledged meanwhile."""

    def __init__(self, options: Options, filters: tuple[str, ...], on_messages: OnMessages) -> None:
        self._options, self._filters, self._on_messages = options, filters, on_messages
        self.connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether the session is connected and subscribed now."""
        return self.connection is not None and self.connection.is_open

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, subscribe and stay connected until ``stop``, with growing pauses between failures."""
        pause = FIRST_PAUSE_S
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    await self._stay(stopped)
                    pause = FIRST_PAUSE_S
                except (MqttError, OSError, TimeoutError) as error:
                    log.warning("mqtt_session_failed", client_id=self._options.client_id, error=str(error))
                await asyncio.wait([stopped], timeout=pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter
                pause = min(2 * pause, LONGEST_PAUSE_S)
        finally:
            stopped.cancel()

    async def _stay(self, stopped: asyncio.Task[bool]) -> None:
        connection = await connect(self._options, self._on_messages)
        try:
            await connection.subscribe(*self._filters)
            self.connection = connection
            log.info("mqtt_session_open", client_id=self._options.client_id)
            ends: list[asyncio.Future[Any]] = [connection.closed, stopped]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if connection.closed.done():
                log.warning(
                    "mqtt_session_lost", client_id=self._options.client_id, reason=connection.closed.result()
                )
        finally:
            self.connection = None
            if not connection.closed.done():
                await connection.disconnect()
