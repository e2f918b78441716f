"""Reading commands down to terminals."""

from collections.abc import Mapping
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
_MOST_EACH = 20
"""Of each terminal, so that none keeps another's from going out; as many as may be open."""
_OPEN_OF_KEYS = """
    SELECT c.id, c.terminal_key, t.terminal_number, c.interval_s, c.message, c.is_urgent
    FROM unnest($1::int[], $2::bool[]) AS k(terminal_key, with_delivered)
    CROSS JOIN LATERAL (
        SELECT * FROM telemetry.terminal_commands o
        WHERE o.terminal_key = k.terminal_key AND o.status IN ('queued', 'delivered')
            AND (o.status = 'queued' OR k.with_delivered) AND o.expires_at > $3
        ORDER BY o.id LIMIT $4
    ) c JOIN telemetry.terminals t ON t.id = c.terminal_id
    ORDER BY c.id
"""
# The first condition is the partial index's.
_WAITING_OVER_MQTT = """
    SELECT DISTINCT t.terminal_key, t.terminal_number
    FROM telemetry.terminal_commands c JOIN telemetry.terminals t ON t.id = c.terminal_id
    WHERE c.status IN ('queued', 'delivered') AND c.status = 'queued' AND c.expires_at > $1
        AND t.kind <> 'jt808' AND t.status = 'active'
    ORDER BY t.terminal_key
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


async def find_open_commands(
    connection: Connection, keys: Mapping[int, bool], now: datetime
) -> list[Delivery]:
    """Give commands of terminals that are not expired, oldest first, at most twenty of each terminal.

    Args:
        connection: To the database.
        keys: The terminals; true for one to which also what was delivered before is to go, unanswered.
        now: The time.
    """
    rows = await connection.fetch(_OPEN_OF_KEYS, list(keys), list(keys.values()), now, _MOST_EACH)
    return [Delivery(*row) for row in rows]


async def find_waiting_terminals(connection: Connection, now: datetime) -> dict[int, str]:
    """Give the terminals, number by key, for which commands wait to be published over MQTT."""
    return {row[0]: row[1] for row in await connection.fetch(_WAITING_OVER_MQTT, now)}
