"""Commands over MQTT: published to the terminal's own topic at QoS 1, answered on its positions topic.

Delivered means that the broker has taken it for a session that is subscribed, connected or not. For a
terminal that never subscribed the broker says so (reason 0x10), and the command waits for the next try.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.mqtt import MqttError, Session
from services.telemetry.domain.topics import commands_topic, shard_of
from services.telemetry.operations.commands import deliver_commands
from services.telemetry.queries.commands import Delivery, find_open_commands, find_waiting_terminals

PERIOD_S, RETRY_S = 1.0, 15.0
DELIVERY_S = 5.0
TERMINALS = 50
"""Whose commands go out at once."""
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

log = get_log(__name__)


class MqttCommands:
    """Passes on the commands of the shards whose sessions this process holds."""

    def __init__(self, database: Database, sessions: Mapping[str, Session]) -> None:
        self._database, self._sessions = database, sessions
        self._retry_at: dict[int, float] = {}
        """By the key of a terminal that is not subscribed."""

    async def run(self, stop: asyncio.Event) -> None:
        """Publish what is queued until ``stop``."""
        while not stop.is_set():
            try:
                await self.pass_on()
            except ERRORS as error:
                log.warning("commands_not_passed_on", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PERIOD_S)

    async def pass_on(self) -> None:
        """Publish every queued command once; those nobody is subscribed for wait.

        Raises:
            asyncpg.PostgresError, OSError: the database is away.
        """
        pool, now = await self._database.pool(), asyncio.get_running_loop().time()
        async with pool.acquire() as connection:
            waiting = await find_waiting_terminals(connection, utc_now())
        self._retry_at = {key: at for key, at in self._retry_at.items() if key in waiting}
        due = [
            key
            for key, number in waiting.items()
            if self._retry_at.get(key, now) <= now and shard_of(number) in self._sessions
        ]
        for place in range(0, len(due), TERMINALS):
            await self._pass_on(due[place : place + TERMINALS])

    async def _pass_on(self, keys: Sequence[int]) -> None:
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            queued = await find_open_commands(connection, dict.fromkeys(keys, False), utc_now())
        taken = await asyncio.gather(*(self._publish(each) for each in queued))
        delivered = [each.id for each, is_taken in zip(queued, taken, strict=True) if is_taken]
        if delivered:
            async with pool.acquire() as connection:
                await deliver_commands(connection, delivered, utc_now())

    async def _publish(self, command: Delivery) -> bool:
        session = self._sessions.get(shard_of(command.terminal_number))
        if session is None or session.connection is None:
            return False
        try:
            async with asyncio.timeout(DELIVERY_S):
                topic = commands_topic(command.terminal_number)
                reason = await session.connection.deliver(topic, payload_of(command))
        except (MqttError, TimeoutError):
            return False
        if reason:
            self._retry_at[command.terminal_key] = asyncio.get_running_loop().time() + RETRY_S
        return reason == 0


def payload_of(command: Delivery) -> bytes:
    """Give a command as a terminal reads it."""
    body: dict[str, object] = {"command_id": str(command.id)}
    if command.interval_s is not None:
        body |= {"kind": "interval", "interval_s": command.interval_s}
    else:
        body |= {"kind": "text", "text": command.message, "urgent": command.is_urgent}
    return msgspec.json.encode(body)
