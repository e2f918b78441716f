"""`/v1/permit-types`."""

from services.permits.api.callers import Reader, RuleMaker
from services.permits.models import PermitType
from services.permits.operations.rules import make_type
from services.permits.queries.rules import page_types
from services.permits.schemas.permits import PermitTypeCreate, PermitTypeOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/permit-types", tags=["permit-types"])


@router.post(
    "",
    status_code=201,
    response_model=PermitTypeOut,
    responses=problems(409),
    summary="新增通行证类型 / Add a permit type",
)
async def create_permit_type(
    official: RuleMaker, session: WriteTx, body: PermitTypeCreate, now: Now
) -> PermitType:
    """Add a kind of permit; a named official of the police or the transport bureau."""
    return await make_type(session, official, body, now)


@router.get("", response_model=Page[PermitTypeOut], summary="通行证类型列表 / List permit types")
async def list_permit_types(
    _who: Reader, session: ReadTx, cursor: Cursor = None, limit: Limit = 50
) -> object:
    """List the kinds of permits by code."""
    items, following = await page_types(session, cursor, limit)
    return {"items": items, "next_cursor": following}
