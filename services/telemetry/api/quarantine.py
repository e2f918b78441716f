"""`/v1/quarantined-positions` and `/v1/quarantine-releases`."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from services.shared.auth import Principal, require
from services.shared.auth.principal import BUREAUS, Role
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.api.forms import Accept, pick
from services.telemetry.api.reading import OwnerAsking
from services.telemetry.models import QuarantineRelease
from services.telemetry.operations import quarantine as operations
from services.telemetry.queries.quarantine import QuarantineFilter
from services.telemetry.queries.releases import get_release, page_releases
from services.telemetry.schemas.quarantine import (
    QuarantinedOut,
    QuarantineReleaseCreate,
    QuarantineReleaseOut,
    Reason,
)

router = Router(tags=["quarantine"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
_MEDIA: Final[dict[str, operations.ExportForm]] = {"text/csv": "csv", "application/x-ndjson": "ndjson"}
_TYPES: Final = {"csv": "text/csv; charset=utf-8; header=present", "ndjson": "application/x-ndjson"}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "CSV (RFC 4180) or one JSON object a line",
        "content": {media: {"schema": {"type": "string"}} for media in _MEDIA},
    },
    **problems(406),
}


async def _filter(
    terminal_number: Annotated[
        str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9_-]+$", description="Of this terminal.")
    ] = None,
    reasons: Annotated[
        list[Reason], Query(alias="reason", max_length=50, description="With one of these reasons.")
    ] = [],  # noqa: B006  a query parameter's default
    received_from: Annotated[
        Instant | None, Query(alias="from", description="Received from then on.")
    ] = None,
    received_to: Annotated[Instant | None, Query(alias="to", description="Received before.")] = None,
) -> QuarantineFilter:
    return QuarantineFilter(terminal_number, tuple(reasons), received_from, received_to)


async def _form(
    accept: Accept = None,
    wanted: Annotated[
        operations.ExportForm | None, Query(alias="format", description="Form; default by Accept, else CSV.")
    ] = None,
) -> operations.ExportForm:
    form: operations.ExportForm = pick(wanted, accept, _MEDIA)  # type: ignore[assignment]  # one of the offered
    return form


InFilter = Annotated[QuarantineFilter, Depends(_filter)]


@router.get("/v1/quarantined-positions", summary="隔离记录 / List quarantine")
async def list_quarantined(
    asked: OwnerAsking, wanted: InFilter, session: ReadTx, cursor: Cursor = None, limit: Limit = 50
) -> Page[QuarantinedOut]:
    """Page over what was wrong by itself, with the reason; what offices read is on record."""
    items, following = await operations.read_quarantine(session, asked, wanted, cursor, limit)
    return Page(items=items, next_cursor=following)


@router.get(
    "/v1/quarantined-positions/export",
    response_class=StreamingResponse,
    responses=_ANSWERS,
    summary="导出隔离记录 / Export quarantine",
)
async def export_quarantined(
    asked: OwnerAsking,
    wanted: InFilter,
    form: Annotated[operations.ExportForm, Depends(_form)],
    request: Request,
) -> StreamingResponse:
    """Give all that meets the conditions, oldest first, as it is read; the export is on record.

    In CSV a cell a spreadsheet would compute begins with an apostrophe; `days` is JSON.
    """
    body = await operations.export_quarantine(request.app.state.database, asked, wanted, form)
    headers = {
        "Content-Disposition": f'attachment; filename="quarantine.{form}"',
        "Cache-Control": "private, no-store",
        "Vary": "Accept",
    }
    return StreamingResponse(body, media_type=_TYPES[form], headers=headers)


@router.get("/v1/quarantined-positions/{quarantined_id}", summary="单条隔离记录 / Read one")
async def read_quarantined(
    quarantined_id: Annotated[str, Path(description="Its number.")], asked: OwnerAsking, session: ReadTx
) -> QuarantinedOut:
    """Give one row of quarantine; what offices read is on record."""
    return await operations.read_quarantined(session, asked, quarantined_id)


@router.post(
    "/v1/quarantine-releases", status_code=201, responses=problems(409), summary="复核隔离记录 / Judge again"
)
async def create_release(
    body: QuarantineReleaseCreate, who: Owner, session: WriteTx, now: Now
) -> QuarantineReleaseOut:
    """Have rows of quarantine judged again, each as of its own reception; by their owner or an official.

    What is good now is stored and leaves quarantine, its counts move with it on the days of reception; the
    rest stays with the reason of now. Repeating it changes nothing more. At most three may be open of a firm,
    and of the offices together.
    """
    return _release(await operations.request_release(session, who, body, now))


@router.get("/v1/quarantine-releases", summary="复核任务 / List releases")
async def list_releases(
    who: Owner, session: ReadTx, cursor: Cursor = None, limit: Limit = 50
) -> Page[QuarantineReleaseOut]:
    """Page over the caller's releases, oldest first."""
    rows, next_cursor = await page_releases(session, who, cursor, limit)
    return Page(items=[_release(row) for row in rows], next_cursor=next_cursor)


@router.get("/v1/quarantine-releases/{release_id}", summary="复核进度 / Read a release")
async def read_release(
    release_id: Annotated[UUID, Path(description="The release.")], who: Owner, session: ReadTx
) -> QuarantineReleaseOut:
    """Give a release and how far it has come."""
    return _release(await get_release(session, who, release_id))


def _release(row: QuarantineRelease) -> QuarantineReleaseOut:
    values = {name: getattr(row, name) for name in QuarantineReleaseOut.model_fields if hasattr(row, name)}
    return QuarantineReleaseOut.model_validate({**values, "still_quarantined": row.examined - row.released})
