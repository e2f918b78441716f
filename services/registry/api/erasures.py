"""`/v1/erasures`: whose data were destroyed on request, when and why."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.registry.api.guards import Party
from services.registry.queries.personal import page_erasures
from services.registry.schemas.personal import ErasureOut
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.sessions import ReadTx

router = Router(prefix="/v1/erasures", tags=["personal data"])


@router.get("", summary="删除记录 / Erasures")
async def list_erasures(
    who: Party,
    session: ReadTx,
    subject_id: Annotated[UUID | None, Query(description="Only of this person.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ErasureOut]:
    """List erasures, oldest first; a firm sees its own."""
    items, following = await page_erasures(session, who, subject_id, cursor, limit)
    return Page(items=[ErasureOut.model_validate(item) for item in items], next_cursor=following)
