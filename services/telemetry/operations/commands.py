"""Commands down to terminals: queued here, delivered by listener or ingest, answered, or expired."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.errors import FieldError, Forbidden
from services.shared.ids import new_id
from services.telemetry.domain.jt808.answers import TEXT_MAX_BYTES
from services.telemetry.errors import CommandInvalid, TerminalRevoked, TooManyCommands
from services.telemetry.models import Terminal, TerminalCommand
from services.telemetry.queries.commands import OPEN, count_open_commands
from services.telemetry.queries.listening import Connection
from services.telemetry.schemas.commands import CommandCreate, CommandOut, Result

MOST_OPEN = 20
_DEAF = {
    "bridge": "网桥不接收指令 / a bridge takes no commands",
    "owntracks": "OwnTracks应用不识别指令 / the OwnTracks app does not understand commands",
}
RESULTS: tuple[Result, ...] = ("done", "failed", "wrong", "unsupported")
"""By the number a terminal answers (JT/T 808, 0x0001)."""
_DELIVERED = """
    UPDATE telemetry.terminal_commands SET status = 'delivered', delivered_at = coalesce(delivered_at, $2)
    WHERE id = any($1) AND status IN ('queued', 'delivered')
"""
# An answer that comes late is one all the same: the terminal has done it. Nobody answers for another one.
_ANSWERED = """
    UPDATE telemetry.terminal_commands c SET status = 'answered', result = a.result, answered_at = $4,
        delivered_at = coalesce(c.delivered_at, $4)
    FROM unnest($1::uuid[], $2::int[], $3::int[]) AS a(id, result, terminal_key)
    WHERE c.id = a.id AND c.terminal_key = a.terminal_key AND c.status <> 'answered'
"""
_EXPIRED = text("""
    UPDATE telemetry.terminal_commands SET status = 'expired'
    WHERE status IN ('queued', 'delivered') AND expires_at <= :now
""")


async def queue_command(
    session: AsyncSession, who: Principal, terminal: Terminal, wanted: CommandCreate, now: datetime
) -> TerminalCommand:
    """Queue a command for a terminal, whose row the transaction has locked: its commands are counted.

    Raises:
        Forbidden: an office's client without a named person.
        TerminalRevoked, TooManyCommands: as named.
        CommandInvalid: bridges and OwnTracks take none; a text does not fit into one message.
    """
    if who.enterprise_id is None and not who.is_official:
        raise Forbidden("须由具名工作人员办理 / a named official must decide")
    if terminal.status == "revoked":
        raise TerminalRevoked
    _check(terminal, wanted)
    if await count_open_commands(session, terminal, now) >= MOST_OPEN:
        raise TooManyCommands
    command = TerminalCommand(
        id=new_id(), terminal_id=terminal.id, terminal_key=terminal.terminal_key,
        enterprise_id=terminal.enterprise_id, kind=wanted.kind, interval_s=wanted.interval_s,
        message=wanted.text, is_urgent=wanted.urgent, status="queued", created_at=now,
        created_by=who.subject, expires_at=now + timedelta(seconds=wanted.valid_for_s),
    )  # fmt: skip
    session.add(command)
    await session.flush()
    return command


def describe_command(command: TerminalCommand, now: datetime) -> CommandOut:
    """Give a command as its owner sees it; expired from its very instant on."""
    is_over = command.status in OPEN and command.expires_at <= now
    return CommandOut(
        id=command.id, terminal_id=command.terminal_id, kind=command.kind, interval_s=command.interval_s,
        text=command.message, urgent=command.is_urgent, status="expired" if is_over else command.status,
        result=None if command.result is None else RESULTS[min(command.result, len(RESULTS) - 1)],
        created_at=command.created_at, created_by=command.created_by, expires_at=command.expires_at,
        delivered_at=command.delivered_at, answered_at=command.answered_at,
    )  # fmt: skip


def _check(terminal: Terminal, wanted: CommandCreate) -> None:
    message = _DEAF.get(terminal.kind)
    if message is not None:
        raise CommandInvalid(errors=[FieldError("path.terminal_id", terminal.kind, message)])
    if wanted.text is None:
        return
    try:
        size = len(wanted.text.encode("gbk"))
    except UnicodeEncodeError as error:
        message = "含GBK以外的字符 / a character that GBK does not have"
        raise CommandInvalid(errors=[FieldError("body.text", "not_gbk", message)]) from error
    if size > TEXT_MAX_BYTES:
        message = f"超过{TEXT_MAX_BYTES}字节 / more than {TEXT_MAX_BYTES} bytes"
        raise CommandInvalid(errors=[FieldError("body.text", "too_long", message)])


async def deliver_commands(connection: Connection, ids: Sequence[UUID], now: datetime) -> None:
    """Note that commands have gone out."""
    if ids:
        await connection.execute(_DELIVERED, ids, now)


async def answer_commands(
    connection: Connection, answers: Sequence[tuple[UUID, int, int]], now: datetime
) -> None:
    """Note what terminals have answered: the command, the result, the key of who answered."""
    if answers:
        await connection.execute(_ANSWERED, *map(list, zip(*answers, strict=True)), now)


async def expire_commands(session: AsyncSession, now: datetime) -> None:
    """Close the commands whose time has passed."""
    await session.execute(_EXPIRED, {"now": now})
