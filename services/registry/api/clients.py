"""`/v1/clients`: OAuth2 clients, managed by an administrator."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.registry.api.guards import Administrator
from services.registry.operations import principals
from services.registry.queries.principals import page_clients
from services.registry.schemas.clients import ClientCreate, ClientOut, ClientScopes, ClientSecretOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/clients", tags=["clients"])
_SECRET = {SECRET_FIELDS: ["client_secret"]}


@router.post("", status_code=201, summary="创建客户端 / Create a client", openapi_extra=_SECRET)
async def create_client(
    _who: Administrator, session: WriteTx, now: Now, given: ClientCreate
) -> ClientSecretOut:
    """Make a client; its secret is shown this once, and left out of an idempotent replay."""
    return await principals.create_client(session, given, now)


@router.get("", summary="客户端列表 / List clients")
async def list_clients(
    _who: Administrator,
    session: ReadTx,
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ClientOut]:
    """List clients without their secrets."""
    items, following = await page_clients(session, enterprise_id, cursor, limit)
    return Page(items=[ClientOut.model_validate(item) for item in items], next_cursor=following)


@router.post(
    "/{client_id}/secret-rotation",
    summary="更换密钥 / Rotate the secret",
    openapi_extra=_SECRET,
    responses=problems(409),
)
async def rotate_client_secret(
    _who: Administrator, session: WriteTx, now: Now, client_id: UUID
) -> ClientSecretOut:
    """Give the client a new secret, shown this once; the old one ends at once."""
    return await principals.rotate_client_secret(session, client_id, now)


@router.put("/{client_id}/scopes", summary="设置权限范围 / Set the scopes", responses=problems(409))
async def set_client_scopes(
    _who: Administrator, session: WriteTx, now: Now, client_id: UUID, given: ClientScopes
) -> ClientOut:
    """Set the further rights of the client's next tokens; those it holds end within ten minutes."""
    return ClientOut.model_validate(await principals.set_client_scopes(session, client_id, given, now))


@router.post("/{client_id}/disablement", summary="停用客户端 / Disable a client")
async def disable_client(_who: Administrator, session: WriteTx, now: Now, client_id: UUID) -> ClientOut:
    """Disable the client for ever; its tokens end at once here and as the feed arrives elsewhere."""
    return ClientOut.model_validate(await principals.disable_client(session, client_id, now))
