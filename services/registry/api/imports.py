"""`/v1/imports`: files of rows, checked first and applied when asked."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from services.registry.api.downloads import attachment, file_responses, media_type
from services.registry.api.guards import Party
from services.registry.api.uploads import DeclaredType, FileBody, binary_body
from services.registry.domain.imports import ImportStatus, Outcome
from services.registry.operations.imports import receiving as operations
from services.registry.operations.imports.exporting import stream_report
from services.registry.queries import imports as queries
from services.registry.schemas.imports import (
    ApplicationCreate,
    Encoding,
    EntityName,
    ImportOut,
    ImportRowOut,
)
from services.shared.clock import Now
from services.shared.errors import TooManyRequests
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/imports", tags=["imports"])


async def _upload_slot(request: Request, who: Party) -> AsyncIterator[None]:
    """Hold a place while a file is taken in: its bytes are in memory."""
    slots, party = request.app.state.upload_slots, str(who.enterprise_id or who.subject)
    if not slots.take(party):
        raise TooManyRequests("正在上传的文件过多 / too many uploads at once", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        slots.give_back(party)


@router.post(
    "",
    status_code=201,
    summary="上传导入文件 / Hand in a file",
    dependencies=[Depends(_upload_slot, scope="function")],
    openapi_extra=binary_body(operations.MEDIA_TYPES),
    responses=problems(409, 415),
)
async def create_import(
    who: Party,
    session: WriteTx,
    now: Now,
    request: Request,
    declared: DeclaredType,
    content: FileBody,
    entity: Annotated[EntityName, Query(description="What the rows are.")],
) -> ImportOut:
    """Take a CSV (UTF-8 or GB18030) or XLSX of at most 32 MiB: the body is the file.

    Nothing is changed: each row is checked, and `GET /v1/imports/{import_id}` tells how far that is. A firm
    imports for itself, the transport bureau for the firms a column names; enterprises only a named official.
    """
    vault = request.app.state.vault
    return ImportOut.model_validate(
        await operations.receive_import(session, vault, who, entity, declared, content, now)
    )


@router.get("", summary="导入列表 / List imports")
async def list_imports(
    who: Party,
    session: ReadTx,
    status: Annotated[ImportStatus | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ImportOut]:
    """List imports, oldest first; a firm sees its own."""
    items, following = await queries.page_imports(session, who, status, cursor, limit)
    return Page(items=[ImportOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{import_id}", summary="导入进度 / Read an import")
async def read_import(who: Party, session: ReadTx, import_id: UUID) -> ImportOut:
    """Return how far an import is, and what becomes of its rows."""
    return ImportOut.model_validate(await queries.get_import(session, who, import_id))


@router.get("/{import_id}/rows", summary="逐行结果 / Read what becomes of its rows")
async def list_import_rows(
    who: Party,
    session: ReadTx,
    import_id: UUID,
    outcome: Annotated[list[Outcome] | None, Query(description="Only these.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ImportRowOut]:
    """List rows by number, while the check runs those that are done."""
    items, following = await queries.page_rows(session, who, import_id, outcome or (), cursor, limit)
    return Page(items=[ImportRowOut.model_validate(item) for item in items], next_cursor=following)


@router.get(
    "/{import_id}/report",
    summary="下载结果 / Download the outcomes",
    response_class=StreamingResponse,
    responses=file_responses("text/csv"),
)
async def download_report(
    who: Party,
    session: ReadTx,
    request: Request,
    import_id: UUID,
    encoding: Annotated[Encoding, Query(description="Of the CSV.")] = "utf-8",
) -> StreamingResponse:
    """Return the outcomes as a CSV: a line for each fault, or for the row where there is none."""
    found = await queries.get_import(session, who, import_id)
    stream = await stream_report(
        request.app.state.database, request.app.state.export_slots, who, found.id, encoding
    )
    return attachment(stream, media_type("csv", encoding), f"import-{found.id}.csv")


@router.post(
    "/{import_id}/application",
    status_code=202,
    summary="应用导入 / Apply an import",
    responses=problems(409),
)
async def apply_import(who: Party, session: WriteTx, import_id: UUID, given: ApplicationCreate) -> ImportOut:
    """Have a checked import applied, in one transaction and against what is on record then.

    409 `rows-refused` names rows that cannot be taken; `skip_refused` leaves them out. Where further rows
    became conflicts meanwhile, nothing is written and the import is `checked` again, with its `reason`. Said
    again, it changes nothing more.
    """
    return ImportOut.model_validate(await operations.request_application(session, who, import_id, given))


@router.post("/{import_id}/withdrawal", summary="撤回导入 / Withdraw an import", responses=problems(409))
async def withdraw_import(
    who: Party, session: WriteTx, now: Now, request: Request, import_id: UUID
) -> ImportOut:
    """Take a checked import back: its bytes are destroyed, nothing of it is applied."""
    vault = request.app.state.vault
    return ImportOut.model_validate(await operations.withdraw_import(session, vault, who, import_id, now))
