"""`/v1/terminals` and `/v1/terminal-batches`: provisioning, credentials, bindings."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.api.activation import WhenActive
from services.telemetry.api.reading import Fleet
from services.telemetry.domain.topics import positions_topic
from services.telemetry.models import Terminal, TerminalBinding
from services.telemetry.operations import terminals as operations
from services.telemetry.operations.vetting import Wanted
from services.telemetry.queries.terminals import (
    TerminalFilter,
    find_bindings,
    get_binding,
    get_terminal,
    page_terminals,
)
from services.telemetry.schemas.terminals import (
    BindingCreate,
    BindingEnd,
    BindingOut,
    CredentialOut,
    TerminalBatchCreate,
    TerminalBatchOut,
    TerminalCreate,
    TerminalOut,
)  # fmt: skip

router = Router(tags=["terminals"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
Id = Annotated[UUID, Path(description="Of the terminal.")]
BindingId = Annotated[UUID, Path(description="Of one of its bindings.")]
Number = Annotated[
    str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9_-]+$", description="The terminal of this number.")
]
_SECRET = {SECRET_FIELDS: ["password"]}


@router.post(
    "/v1/terminals",
    status_code=201,
    summary="登记终端 / Provision a terminal",
    openapi_extra=_SECRET,
    responses=problems(409),
)
async def create_terminal(
    body: TerminalCreate, who: Owner, active: WhenActive, session: WriteTx, now: Now
) -> CredentialOut:
    """Provision one terminal; answers when its credential works."""
    credentials = await operations.provision_terminals(
        session, who, [Wanted("body", body)], body.enterprise_id, now
    )
    active.expect([credentials[0].id])
    return credentials[0]


@router.post(
    "/v1/terminal-batches",
    status_code=201,
    summary="批量登记终端 / Provision terminals",
    openapi_extra=_SECRET,
    responses=problems(409),
)
async def create_terminal_batch(
    body: TerminalBatchCreate, who: Owner, active: WhenActive, session: WriteTx, now: Now
) -> TerminalBatchOut:
    """Provision up to 20,000 terminals, all or none; answers when their credentials work."""
    wanted = [Wanted(f"body.terminals.{index}", item) for index, item in enumerate(body.terminals)]
    items = await operations.provision_terminals(session, who, wanted, body.enterprise_id, now)
    active.expect([item.id for item in items])
    return TerminalBatchOut(items=items)


@router.get("/v1/terminals", summary="终端列表 / List terminals")
async def list_terminals(
    who: Owner,
    session: ReadTx,
    now: Now,
    terminal_number: Number = None,
    vehicle_id: Annotated[UUID | None, Query(description="Fitted to this vehicle now.")] = None,
    enterprise_id: Fleet = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TerminalOut]:
    """Page over the caller's terminals."""
    wanted = TerminalFilter(terminal_number, vehicle_id, enterprise_id)
    terminals, next_cursor = await page_terminals(session, who, wanted, now, cursor, limit)
    bindings = await find_bindings(session, [terminal.id for terminal in terminals])
    items = [_out(terminal, bindings[terminal.id]) for terminal in terminals]
    return Page(items=items, next_cursor=next_cursor)


@router.get("/v1/terminals/{terminal_id}", summary="终端信息 / Read a terminal")
async def read_terminal(terminal_id: Id, who: Owner, session: ReadTx) -> TerminalOut:
    """Give one terminal with its bindings."""
    terminal = await get_terminal(session, who, terminal_id)
    return _out(terminal, (await find_bindings(session, [terminal.id]))[terminal.id])


@router.post(
    "/v1/terminals/{terminal_id}/credential-rotation",
    status_code=201,
    summary="重置凭据 / Rotate a credential",
    openapi_extra=_SECRET,
    responses=problems(409),
)
async def rotate_credential(
    terminal_id: Id, who: Owner, active: WhenActive, session: WriteTx, now: Now
) -> CredentialOut:
    """Give a new secret; answers when it works and the old one no longer does."""
    terminal = await get_terminal(session, who, terminal_id, for_update=True)
    active.expect([terminal.id])
    return operations.rotate_credential(terminal, now)


@router.post(
    "/v1/terminals/{terminal_id}/revocation", status_code=204, summary="注销终端 / Revoke a terminal"
)
async def revoke_terminal(
    terminal_id: Id, who: Owner, active: WhenActive, session: WriteTx, now: Now
) -> None:
    """Take the credential away for good; answers when the broker refuses it.

    The number is used up: no terminal can ever be provisioned under it again.
    """
    terminal = await get_terminal(session, who, terminal_id, for_update=True)
    active.expect([terminal.id])
    await operations.revoke_terminal(session, terminal, now)


@router.post(
    "/v1/terminals/{terminal_id}/bindings",
    status_code=201,
    responses=problems(409),
    summary="装车 / Fit to a vehicle",
)
async def create_binding(
    terminal_id: Id, body: BindingCreate, who: Owner, session: WriteTx, now: Now
) -> BindingOut:
    """Fit the terminal to a vehicle."""
    terminal = await get_terminal(session, who, terminal_id, for_update=True)
    binding = await operations.fit_terminal(session, who, terminal, body, now)
    return BindingOut.model_validate(binding)


@router.post(
    "/v1/terminals/{terminal_id}/bindings/{binding_id}/end",
    status_code=200,
    responses=problems(409),
    summary="拆下 / End a binding",
)
async def end_binding(
    terminal_id: Id,
    binding_id: BindingId,
    who: Owner,
    session: WriteTx,
    now: Now,
    body: BindingEnd | None = None,
) -> BindingOut:
    """Take the terminal off the vehicle."""
    terminal = await get_terminal(session, who, terminal_id, for_update=True)
    binding = await get_binding(session, terminal, binding_id)
    await operations.end_binding(session, terminal, binding, (body.valid_to if body else None) or now)
    return BindingOut.model_validate(binding)


def _out(terminal: Terminal, bindings: list[TerminalBinding]) -> TerminalOut:
    return TerminalOut.model_validate(
        {
            **{
                name: getattr(terminal, name)
                for name in TerminalOut.model_fields
                if name not in {"topic", "bindings"}
            },
            "topic": positions_topic(terminal.terminal_number) if terminal.kind != "jt808" else None,
            "bindings": [BindingOut.model_validate(binding) for binding in bindings],
        }
    )
