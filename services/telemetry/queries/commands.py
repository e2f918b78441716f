"""Reading commands down to terminals."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.paging import page
from services.telemetry.errors import CommandNotFound
from services.telemetry.models import Terminal, TerminalCommand
from services.telemetry.queries.listening import Connection

OPEN = ("queued", "delivered")
_OPEN_OF_KEYS = """
    SELECT c.id, c.terminal_key, t.terminal_number, c.interval_s, c.message, c.is_urgent
    FROM telemetry.terminal_commands c JOIN telemetry.terminals t ON t.id = c.terminal_id
    WHERE c.terminal_key = any($1) AND c.status IN ('queued', 'delivered') AND c.expires_at > $2
    ORDER BY c.id LIMIT 1000
"""
# The first condition is the partial index's.
_QUEUED_OVER_MQTT = """
    SELECT c.id, c.terminal_key, t.terminal_number, c.interval_s, c.message, c.is_urgent
    FROM telemetry.terminal_commands c JOIN telemetry.terminals t ON t.id = c.terminal_id
    WHERE c.status IN ('queued', 'delivered') AND c.status = 'queued' AND c.expires_at > $1
        AND t.kind <> 'jt808' AND t.status = 'active'
    ORDER BY c.id LIMIT 1000
"""


class Delivery(NamedTuple):
    """A command to deliver."""

    id: UUID
    terminal_key: int
    terminal_number: str
    interval_s: int | None
    message: str | None
    is_urgent: bool


async def page_commands(
    session: AsyncSession, terminal: Terminal, cursor: str | None, limit: int
) -> tuple[list[TerminalCommand], str | None]:
    """Give one page of a terminal's commands, oldest first."""
    statement = select(TerminalCommand).where(TerminalCommand.terminal_id == terminal.id)
    return await page(session, statement, [TerminalCommand.id], cursor, limit)


async def get_command(session: AsyncSession, terminal: Terminal, command_id: UUID) -> TerminalCommand:
    """Give a command of a terminal.

    Raises:
        CommandNotFound: the terminal has no such command.
    """
    statement = select(TerminalCommand).where(
        TerminalCommand.id == command_id, TerminalCommand.terminal_id == terminal.id
    )
    command = await session.scalar(statement)
    if command is None:
        raise CommandNotFound
    return command


async def count_open_commands(session: AsyncSession, terminal: Terminal, now: datetime) -> int:
    """Count the commands of a terminal that are still to be answered."""
    statement = select(func.count()).where(
        TerminalCommand.terminal_key == terminal.terminal_key,
        TerminalCommand.status.in_(OPEN),
        TerminalCommand.expires_at > now,
    )
    return await session.scalar(statement) or 0


async def find_open_commands(connection: Connection, keys: Sequence[int], now: datetime) -> list[Delivery]:
    """Give the commands of connected terminals that are not answered and not expired, oldest first."""
    return [Delivery(*row) for row in await connection.fetch(_OPEN_OF_KEYS, keys, now)]


async def find_commands_over_mqtt(connection: Connection, now: datetime) -> list[Delivery]:
    """Give the commands that wait to be published, oldest first."""
    return [Delivery(*row) for row in await connection.fetch(_QUEUED_OVER_MQTT, now)]
