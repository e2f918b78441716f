"""`/v1/exports`: what a caller may see, as a file."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from services.registry.api.downloads import attachment, file_responses, media_type
from services.registry.api.guards import Party
from services.registry.operations.imports.export_kinds import Asked
from services.registry.operations.imports.exporting import MEDIA_TYPES, open_export
from services.registry.queries.exports import ExportFilter
from services.registry.schemas.fields import PlateNumber
from services.registry.schemas.imports import Encoding, EntityName, ExportStatus, TableFormat
from services.shared.clock import Now
from services.shared.routes import Router
from services.shared.schemas import Instant

router = Router(prefix="/v1/exports", tags=["exports"])


async def _only(
    plate_number: Annotated[PlateNumber | None, Query()] = None,
    plate_color: Annotated[int | None, Query(ge=0, le=94, description="Plate colour code.")] = None,
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    at: Annotated[Instant | None, Query(description="Only registrations in force then.")] = None,
    status: Annotated[
        ExportStatus | None, Query(description="Only these, of firms, drivers or facilities.")
    ] = None,
) -> ExportFilter:
    return ExportFilter(plate_number, plate_color, enterprise_id, at, status)


@router.get(
    "",
    summary="导出 / Export",
    response_class=StreamingResponse,
    responses=file_responses(*MEDIA_TYPES.values()),
)
async def export_rows(
    who: Party,
    request: Request,
    now: Now,
    only: Annotated[ExportFilter, Depends(_only)],
    entity: Annotated[EntityName, Query(description="What to export.")],
    kind: Annotated[TableFormat, Query(alias="format", description="CSV or XLSX.")] = "csv",
    encoding: Annotated[Encoding, Query(description="Of a CSV.")] = "utf-8",
) -> StreamingResponse:
    """Return all rows the caller may see, narrowed as in the list; an import takes the file as it is.

    Texts that a spreadsheet program would run begin with an apostrophe.
    """
    state = request.app.state
    asked = Asked(state.database, state.vault, who, only, now)
    stream = await open_export(asked, state.export_slots, entity, kind, encoding)
    return attachment(stream, media_type(kind, encoding), f"{entity}.{kind}")
