"""`/v1/search-results`: firms and vehicles by a part of their name or number."""

from typing import Annotated

from fastapi import Query, Request

from services.registry.api.guards import Party
from services.registry.domain.search import Sought
from services.registry.queries.search import page_search_results
from services.registry.schemas.search import Fragment, SearchResult
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router

router = Router(prefix="/v1/search-results", tags=["search"])


@router.get("", summary="模糊查询 / Search by a fragment")
async def search(
    who: Party,
    request: Request,
    q: Fragment,
    found: Annotated[Sought | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[SearchResult]:
    """Find firms by a part of name or USCC, and registrations by a part of the plate; past ones too.

    A firm finds itself and its own vehicles.
    """
    return await page_search_results(request.app.state.database, who, q, found, cursor, limit)
