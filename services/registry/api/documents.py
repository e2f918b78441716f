"""`/v1/documents`: evidence, uploaded once and named where it proves something."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from services.registry.api.guards import Party
from services.registry.api.purposes import GivenPurpose
from services.registry.api.uploads import DeclaredType, FileBody, binary_body
from services.registry.domain.media import MEDIA_TYPES
from services.registry.operations import documents as operations
from services.registry.queries import documents as queries
from services.registry.schemas.documents import DocumentOut
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/documents", tags=["documents"])
_BYTES = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "",
    status_code=201,
    summary="上传材料 / Upload a document",
    openapi_extra=binary_body(MEDIA_TYPES),
    responses=problems(415),
)
async def upload_document(
    who: Party,
    session: WriteTx,
    now: Now,
    request: Request,
    declared: DeclaredType,
    content: FileBody,
    enterprise_id: Annotated[
        UUID | None, Query(description="The firm it belongs to, from an office; a firm's is its own.")
    ] = None,
) -> DocumentOut:
    """Keep a PDF, JPEG or PNG of at most 10 MiB: the body is the file, `Content-Type` says what it is.

    The type is checked by content. The same bytes of the same owner are kept once and answer with one id.
    """
    vault = request.app.state.vault
    document = await operations.upload_document(session, vault, who, enterprise_id, declared, content, now)
    return DocumentOut.model_validate(document)


@router.get("", summary="材料列表 / List documents")
async def list_documents(
    who: Party,
    session: ReadTx,
    enterprise_id: Annotated[UUID | None, Query(description="Only this firm's.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DocumentOut]:
    """List documents; a firm sees its own."""
    items, following = await queries.page_documents(session, who, enterprise_id, cursor, limit)
    return Page(items=[DocumentOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{document_id}", summary="材料信息 / Read a document's description")
async def read_document(who: Party, session: ReadTx, document_id: UUID) -> DocumentOut:
    """Return what a document is, without its bytes."""
    return DocumentOut.model_validate(await queries.get_document(session, who, document_id))


@router.get(
    "/{document_id}/content",
    summary="下载材料 / Download a document",
    response_class=Response,
    responses={200: {"content": dict.fromkeys(MEDIA_TYPES, _BYTES)}, **problems(410)},
)
async def download_document(
    who: Party,
    session: ReadTx,
    now: Now,
    request: Request,
    document_id: UUID,
    purpose: GivenPurpose = None,
) -> Response:
    """Return the bytes, as an attachment that no browser runs; who did is on record before.

    Evidence of a driver or rider an office reads with the scope `personal_data` and for a purpose.
    """
    state = request.app.state
    request_id: str = request.state.request_id
    document, content = await operations.read_document(
        session, state.vault, state.access_log, who, (document_id, purpose), now, request_id
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{document.id}"',
        "Cache-Control": "private, no-store",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=document.media_type, headers=headers)
