"""`/v1/code-lists`: what every code means, in Chinese and English."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from services.registry.api.caching import NOT_MODIFIED, KnownTags, cacheable
from services.registry.api.limits import open_to_everyone
from services.registry.queries.code_lists import get_code_list, page_code_lists
from services.registry.schemas.code_lists import CodeListOut
from services.shared.paging import Cursor, Page
from services.shared.routes import Router

router = Router(prefix="/v1/code-lists", tags=["code lists"], dependencies=[Depends(open_to_everyone)])


@router.get("", response_model=Page[CodeListOut], summary="代码表 / Code lists", responses=NOT_MODIFIED)
async def list_code_lists(
    request: Request,
    known: KnownTags = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most lists a page; 1 to 200.")] = 200,
) -> Response:
    """List every code list with its codes, by name; open to everyone, and to be kept for an hour."""
    lists, following = page_code_lists(request.app.state.code_book, cursor, limit)
    items = [CodeListOut.model_validate(each) for each in lists]
    return cacheable(Page(items=items, next_cursor=following), known)


@router.get(
    "/{name}", response_model=CodeListOut, summary="单个代码表 / Read a code list", responses=NOT_MODIFIED
)
async def read_code_list(
    request: Request,
    name: Annotated[str, Path(description="As `name` of the list.")],
    known: KnownTags = None,
) -> Response:
    """Return one code list; open to everyone, and to be kept for an hour."""
    found = get_code_list(request.app.state.code_book, name)
    return cacheable(CodeListOut.model_validate(found), known)
