"""`/v1/enterprise-applications`: how a firm joins the programme."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Query, Request

from services.registry.api.guards import Bureau, Official
from services.registry.api.limits import open_to_everyone
from services.registry.api.uploads import DeclaredType, FileBody, binary_body
from services.registry.domain.media import MEDIA_TYPES
from services.registry.operations import applications as operations
from services.registry.operations.documents import upload_application_document as upload
from services.registry.queries import enterprises as queries
from services.registry.queries.documents import page_documents_of_application
from services.registry.schemas.clients import ClientSecretOut
from services.registry.schemas.documents import DocumentOut
from services.registry.schemas.enterprises import (
    ApprovalCreate,
    CredentialsRequest,
    EnterpriseApplicationCreate,
    EnterpriseApplicationOut,
    EnterpriseApplicationReceipt,
    ReasonedDecision,
    ReferenceCode,
)
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import SECRET_FIELDS, Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/enterprise-applications", tags=["enterprise applications"])

ShownCode = Annotated[
    ReferenceCode,
    Header(
        alias="X-Reference-Code",
        description="回执中的查询码，不放在地址里 / Code of the receipt; not in the address.",
    ),
]


@router.post(
    "",
    status_code=201,
    summary="企业准入申请 / Apply to join",
    dependencies=[Depends(open_to_everyone)],
    openapi_extra={SECRET_FIELDS: ["reference_code"]},
)
async def submit_application(
    session: WriteTx, now: Now, request: Request, given: EnterpriseApplicationCreate
) -> EnterpriseApplicationReceipt:
    """Apply for a firm; open to everyone, rate-limited. Keep the reference code: it is shown this once."""
    return await operations.submit_application(session, request.app.state.vault, given, now)


@router.get("", summary="申请列表 / List applications")
async def list_applications(
    _who: Bureau,
    session: ReadTx,
    status: Annotated[
        Literal["submitted", "approved", "rejected"] | None, Query(description="Only these.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EnterpriseApplicationOut]:
    """List applications, oldest first."""
    items, following = await queries.page_applications(session, status, cursor, limit)
    out = [EnterpriseApplicationOut.model_validate(item) for item in items]
    return Page(items=out, next_cursor=following)


@router.post(
    "/{application_id}/documents",
    status_code=201,
    summary="补交申请材料 / Upload evidence",
    dependencies=[Depends(open_to_everyone)],
    openapi_extra=binary_body(MEDIA_TYPES),
    responses=problems(409, 415),
)
async def upload_application_document(
    session: WriteTx,
    now: Now,
    request: Request,
    declared: DeclaredType,
    content: FileBody,
    application_id: UUID,
    reference_code: ShownCode,
) -> DocumentOut:
    """Add evidence to an open application: the body is a PDF, JPEG or PNG of at most 10 MiB."""
    vault = request.app.state.vault
    document = await upload(session, vault, application_id, reference_code, declared, content, now)
    return DocumentOut.model_validate(document)


@router.get("/{application_id}/documents", summary="申请材料列表 / List an application's evidence")
async def list_application_documents(
    _who: Bureau, session: ReadTx, application_id: UUID, cursor: Cursor = None, limit: Limit = 50
) -> Page[DocumentOut]:
    """List the evidence of an application, for the offices."""
    items, following = await page_documents_of_application(session, application_id, cursor, limit)
    return Page(items=[DocumentOut.model_validate(item) for item in items], next_cursor=following)


@router.get(
    "/{application_id}",
    summary="查询申请进度 / Read an application's status",
    dependencies=[Depends(open_to_everyone)],
)
async def read_application(
    session: ReadTx,
    application_id: UUID,
    reference_code: ShownCode,
) -> EnterpriseApplicationOut:
    """Tell the applicant how far its application is; open to whoever shows the reference code."""
    application = await queries.get_application(session, application_id, reference_code)
    return EnterpriseApplicationOut.model_validate(application)


@router.post(
    "/{application_id}/approval", summary="批准申请 / Approve an application", responses=problems(409)
)
async def approve_application(
    who: Official, session: WriteTx, now: Now, request: Request, application_id: UUID, given: ApprovalCreate
) -> EnterpriseApplicationOut:
    """Admit the firm; a named official of the transport bureau decides."""
    demo_allowed = request.app.state.settings.environment == "demo"
    vault = request.app.state.vault
    application = await operations.approve_application(
        session, vault, who, application_id, given, now, demo_allowed=demo_allowed
    )
    return EnterpriseApplicationOut.model_validate(application)


@router.post(
    "/{application_id}/rejection", summary="驳回申请 / Reject an application", responses=problems(409)
)
async def reject_application(
    who: Official, session: WriteTx, now: Now, request: Request, application_id: UUID, given: ReasonedDecision
) -> EnterpriseApplicationOut:
    """Reject the application with its cause; a named official of the transport bureau decides."""
    application = await operations.reject_application(
        session, request.app.state.vault, who, application_id, given, now
    )
    return EnterpriseApplicationOut.model_validate(application)


@router.post(
    "/{application_id}/credentials",
    summary="领取接入凭证 / Collect the credentials",
    status_code=201,
    dependencies=[Depends(open_to_everyone)],
    openapi_extra={SECRET_FIELDS: ["client_secret"]},
    responses=problems(409),
)
async def collect_credentials(
    session: WriteTx, now: Now, application_id: UUID, given: CredentialsRequest
) -> ClientSecretOut:
    """Hand the approved firm its client, once; open to whoever shows the reference code."""
    return await operations.collect_credentials(session, application_id, given, now)
