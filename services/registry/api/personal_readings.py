"""`/v1/personal-readings`: personal values in the clear, each reading for a purpose and on record."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.registry.api.guards import Party, PersonalReader
from services.registry.operations.personal_data import read_personal_values
from services.registry.queries.personal import page_readings
from services.registry.schemas.personal import PersonalReadingCreate, PersonalReadingOut, PersonalValuesOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx

router = Router(prefix="/v1/personal-readings", tags=["personal data"])


@router.post("", status_code=201, summary="查阅个人信息明文 / Read personal values", responses=problems(410))
async def create_personal_reading(
    who: PersonalReader,
    session: ReadTx,
    now: Now,
    request: Request,
    response: Response,
    given: PersonalReadingCreate,
) -> PersonalValuesOut:
    """Return values in the clear; needs the scope `personal_data`, and the reading is on record before.

    A firm reads about its own people only. Repeating it is a further reading: the answer is kept nowhere.
    """
    response.headers["Cache-Control"] = "no-store"
    state = request.app.state
    request_id: str = request.state.request_id
    return await read_personal_values(session, state.vault, state.access_log, who, given, now, request_id)


@router.get("", summary="查阅记录 / Who read what")
async def list_personal_readings(
    who: Party,
    session: ReadTx,
    subject_id: Annotated[
        UUID | None, Query(description="Only about this person, or of this document.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PersonalReadingOut]:
    """List readings of personal values and documents, oldest first; a firm sees those about its own."""
    items, following = await page_readings(session, who, subject_id, cursor, limit)
    return Page(items=items, next_cursor=following)
