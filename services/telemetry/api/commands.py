"""`/v1/terminals/{terminal_id}/commands`: commands down to a terminal, and how far each has come."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.operations.commands import describe_command, queue_command
from services.telemetry.queries.commands import get_command, page_commands
from services.telemetry.queries.terminals import get_terminal
from services.telemetry.schemas.commands import CommandCreate, CommandOut

router = Router(tags=["commands"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
Id = Annotated[UUID, Path(description="Of the terminal.")]
CommandId = Annotated[UUID, Path(description="Of one of its commands.")]
# A text may name a person; the stored answer of an idempotent request holds none.
_TEXT = {SECRET_FIELDS: ["text"]}


@router.post(
    "/v1/terminals/{terminal_id}/commands",
    status_code=201,
    summary="下发指令 / Queue a command",
    openapi_extra=_TEXT,
    responses=problems(409),
)
async def create_command(
    terminal_id: Id, body: CommandCreate, who: Owner, session: WriteTx, now: Now
) -> CommandOut:
    """Queue a command, by its owner or an official; it goes out when the terminal is next connected."""
    terminal = await get_terminal(session, who, terminal_id, for_update=True)
    return describe_command(await queue_command(session, who, terminal, body, now), now)


@router.get("/v1/terminals/{terminal_id}/commands", summary="指令列表 / List commands")
async def list_commands(
    terminal_id: Id, who: Owner, session: ReadTx, now: Now, cursor: Cursor = None, limit: Limit = 50
) -> Page[CommandOut]:
    """Page over a terminal's commands, oldest first."""
    terminal = await get_terminal(session, who, terminal_id)
    commands, next_cursor = await page_commands(session, terminal, cursor, limit)
    items = [describe_command(command, now) for command in commands]
    return Page(items=items, next_cursor=next_cursor)


@router.get("/v1/terminals/{terminal_id}/commands/{command_id}", summary="指令信息 / Read a command")
async def read_command(
    terminal_id: Id, command_id: CommandId, who: Owner, session: ReadTx, now: Now
) -> CommandOut:
    """Give one command."""
    terminal = await get_terminal(session, who, terminal_id)
    return describe_command(await get_command(session, terminal, command_id), now)
