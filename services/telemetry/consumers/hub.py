"""All JT/T 808 connections of one listener: who is connected, who must go, what is sent down.

One connection a terminal: the newer one stands. A changed or revoked credential ends the connection within
`REVOCATION_S`; a stranger has to show a code in time, and when there are too many the oldest goes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

from prometheus_client import Gauge

from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.telemetry.consumers.reports import ERRORS, ReportIntake, Sender
from services.telemetry.domain.jt808 import answers
from services.telemetry.domain.jt808.bodies import Version
from services.telemetry.domain.jt808.frames import Frame
from services.telemetry.operations.commands import answer_commands, deliver_commands
from services.telemetry.operations.registration import Admitted, Registered, admit_terminal, register_terminal
from services.telemetry.queries.commands import Delivery, find_open_commands
from services.telemetry.queries.listening import Connection, find_changed
from services.telemetry.settings import ListenerSettings

READ_BYTES: Final = 16_384
PACKAGE_BYTES: Final = 64 << 20
SWEEP_S, REVOCATION_S, COMMANDS_S = 1.0, 2.0, 1.0

CONNECTIONS = Gauge("telemetry_jt808_connections", "Open connections", ["state"])
log = get_log(__name__)


class Member(Sender, Protocol):
    """A connection as the hub sees it."""

    admitted: Admitted | None
    opened: float
    last_seen: float
    commands: dict[int, UUID]

    @property
    def version(self) -> Version:
        """What the terminal speaks."""

    def close(self) -> None:
        """End the connection."""

    def send(self, msg_id: int, body: bytes) -> int:
        """Send a message; give its serial."""

    def ask_for_packages(self) -> None:
        """Ask again for what has not come."""


class Hub:
    """What the connections share."""

    def __init__(self, settings: ListenerSettings, database: Database) -> None:
        self._settings, self._database = settings, database
        self.intake = ReportIntake(
            database, settings.zone.key, batch=settings.jt808_batch, waiting=settings.jt808_waiting
        )
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.now = asyncio.get_running_loop().time
        self._members: dict[Member, None] = {}
        self._strangers: dict[Member, None] = {}
        self._by_key: dict[int, Member] = {}
        self._newly_here: set[int] = set()
        self._package_bytes = 0
        self._answered: dict[UUID, tuple[int, int]] = {}
        """By command, the result and the key of the terminal."""

    # -- who is here
    # -------------------------------------------------------------------------------------------

    def open(self, member: Member) -> None:
        """Take a new connection; a stranger too many ends the oldest one."""
        if len(self._members) >= self._settings.jt808_connections:
            member.close()
            return
        self._members[member] = self._strangers[member] = None
        if len(self._strangers) > self._settings.jt808_strangers:
            next(iter(self._strangers)).close()

    def welcome(self, member: Member) -> None:
        """A connection has shown a terminal's code; an older one of the same terminal ends."""
        self._strangers.pop(member, None)
        admitted = member.admitted
        if admitted is None:
            return
        older = self._by_key.get(admitted.key)
        self._by_key[admitted.key] = member
        self._newly_here.add(admitted.key)
        if older is not None and older is not member:
            older.close()

    def forget(self, member: Member) -> None:
        """A connection is gone."""
        self._members.pop(member, None)
        self._strangers.pop(member, None)
        self.intake.forget(member)
        if member.admitted is not None and self._by_key.get(member.admitted.key) is member:
            del self._by_key[member.admitted.key]
            self._newly_here.discard(member.admitted.key)

    def hold_packages(self, size: int) -> bool:
        """Count bytes of packages held; whether all together are few enough."""
        self._package_bytes += size
        return self._package_bytes <= PACKAGE_BYTES

    def close(self) -> None:
        """End every connection."""
        for member in list(self._members):
            member.close()

    # -- admission
    # ---------------------------------------------------------------------------------------------

    async def register(self, frame: Frame) -> Registered | None:
        """Register a device.

        Raises:
            asyncpg.PostgresError, OSError: the database is away.
        """
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            return await register_terminal(connection, frame, utc_now())

    async def admit(self, frame: Frame) -> Admitted | None:
        """Check a terminal's code.

        Raises:
            asyncpg.PostgresError, OSError: the database is away.
        """
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            return await admit_terminal(connection, frame)

    # -- upkeep
    # ------------------------------------------------------------------------------------------------

    async def tend(self, stop: asyncio.Event) -> None:
        """Sweep, drop what is revoked and pass commands on until ``stop``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(stop, SWEEP_S, self._sweep))
            group.create_task(self._repeat(stop, REVOCATION_S, self._drop_changed))
            group.create_task(self._repeat(stop, COMMANDS_S, self._pass_commands))

    async def _repeat(self, stop: asyncio.Event, seconds: float, job: Callable[[], Awaitable[None]]) -> None:
        while not stop.is_set():
            try:
                await job()
            except ERRORS as error:
                log.warning("listener_upkeep_failed", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

    async def _sweep(self) -> None:
        now, settings = self.now(), self._settings
        for member in list(self._strangers):
            if now - member.opened > settings.jt808_admission_s:
                member.close()
        for member in list(self._by_key.values()):
            if now - member.last_seen > settings.jt808_idle_s:
                member.close()
            else:
                member.ask_for_packages()
        CONNECTIONS.labels("admitted").set(len(self._by_key))
        CONNECTIONS.labels("strangers").set(len(self._strangers))

    async def _drop_changed(self) -> None:
        generations = {
            key: member.admitted.generation for key, member in self._by_key.items() if member.admitted
        }
        if not generations:
            return
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            changed = await find_changed(connection, generations)
        for key in changed:
            member = self._by_key.get(key)
            if member is not None and member.admitted and member.admitted.generation == generations[key]:
                log.info("terminal_dropped", terminal=member.admitted.number)
                member.close()

    # -- commands
    # ----------------------------------------------------------------------------------------------

    def answer_command(self, command_id: UUID, result: int, key: int) -> None:
        """A terminal has answered; recorded with the next round."""
        self._answered[command_id] = result, key

    async def _pass_commands(self) -> None:
        if not self._by_key and not self._answered:
            return
        pool = await self._database.pool()
        async with pool.acquire() as connection:
            answered = dict(self._answered)
            await answer_commands(connection, [(each, *told) for each, told in answered.items()], utc_now())
            for command_id in answered:
                self._answered.pop(command_id, None)
            sent = await self._send_open(connection)
            await deliver_commands(connection, sent, utc_now())

    async def _send_open(self, connection: Connection) -> list[UUID]:
        """Send what is queued, and over a new connection also what an earlier one left unanswered."""
        newly_here = self._newly_here & self._by_key.keys()
        keys = {key: key in newly_here for key in self._by_key}
        found = await find_open_commands(connection, keys, utc_now())
        self._newly_here -= newly_here
        return [command.id for command in found if self._send(command)]

    def _send(self, command: Delivery) -> bool:
        """Send a command once a connection; whether it went out now."""
        member = self._by_key.get(command.terminal_key)
        if member is None or command.id in member.commands.values() or command.id in self._answered:
            return False
        if command.interval_s is not None:
            serial = member.send(answers.SET_PARAMETERS, answers.report_interval(command.interval_s))
        else:
            body = answers.text_message(command.message or "", member.version, is_urgent=command.is_urgent)
            serial = member.send(answers.TEXT, body)
        member.commands[serial] = command.id
        return True
