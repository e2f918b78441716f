"""`/v1/visits`, `/v1/quarantined-positions`, `/v1/ingest-accounting`."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx
from services.telemetry.api.reading import Reader
from services.telemetry.models import QuarantinedPosition
from services.telemetry.queries.records import VisitFilter, page_accounting, page_quarantine, page_visits
from services.telemetry.schemas.positions import AccountOut, QuarantinedOut, VisitOut

router = Router(tags=["records"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
Number = Annotated[str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9_-]+$")]


@router.get("/v1/visits")
async def list_visits(
    who: Reader,
    session: ReadTx,
    vehicle_id: UUID | None = None,
    area_id: UUID | None = None,
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
    include_retracted: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[VisitOut]:
    """Page over visits by time of entering; the window is touched by the visit."""
    wanted = VisitFilter(vehicle_id, area_id, start, end, include_retracted)
    visits, next_cursor = await page_visits(session, who, wanted, cursor, limit)
    return Page(items=[VisitOut.model_validate(visit) for visit in visits], next_cursor=next_cursor)


@router.get("/v1/quarantined-positions")
async def list_quarantined(
    who: Owner,
    session: ReadTx,
    terminal_number: Number = None,
    reason: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z_]+$")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[QuarantinedOut]:
    """Page over what was wrong by itself, with the reason."""
    rows, next_cursor = await page_quarantine(session, who, terminal_number, reason, cursor, limit)
    return Page(items=[_quarantined(row) for row in rows], next_cursor=next_cursor)


@router.get("/v1/ingest-accounting")
async def list_accounting(
    who: Owner,
    session: ReadTx,
    terminal_number: Number = None,
    day: date | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AccountOut]:
    """Page over received = stored + duplicate + quarantined, per terminal and day."""
    rows, next_cursor = await page_accounting(session, who, terminal_number, day, cursor, limit)
    return Page(items=[AccountOut.model_validate(row) for row in rows], next_cursor=next_cursor)


def _quarantined(row: QuarantinedPosition) -> QuarantinedOut:
    raw = row.raw.decode("utf-8", "backslashreplace")
    values = {name: getattr(row, name) for name in QuarantinedOut.model_fields if name != "raw"}
    return QuarantinedOut.model_validate({**values, "raw": raw})
