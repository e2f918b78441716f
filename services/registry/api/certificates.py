"""`/v1/certificates`: licences, permits, inspections, insurances, each valid over days."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from services.registry.api.guards import Party
from services.registry.domain.certificates import CertificateKind
from services.registry.operations import certificates as operations
from services.registry.queries import certificates as queries
from services.registry.schemas.certificates import CertificateCreate, CertificateOut, WithdrawalCreate
from services.registry.schemas.fields import Day
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.sessions import ReadTx, WriteTx

router = Router(prefix="/v1/certificates", tags=["certificates"])


async def _only(
    holder_id: Annotated[UUID | None, Query(description="Only of this entity.")] = None,
    kind: Annotated[CertificateKind | None, Query(description="Only of this kind.")] = None,
    enterprise_id: Annotated[UUID | None, Query(description="Only of this firm and what is its.")] = None,
    ends_before: Annotated[Day | None, Query(description="Only those whose last day is earlier.")] = None,
) -> queries.CertificateFilter:
    return queries.CertificateFilter(holder_id, kind.value if kind else None, enterprise_id, ends_before)


@router.post("", status_code=201, summary="登记证照 / Record a certificate", responses=problems(409))
async def record_certificate(
    who: Party, session: WriteTx, now: Now, given: CertificateCreate
) -> CertificateOut:
    """Put a certificate on record; a renewal is a further one, and restores its holder from its first day.

    Inspection, insurance and licences that have run out stop their holder on the day after their last.
    """
    return CertificateOut.model_validate(await operations.record_certificate(session, who, given, now))


@router.get("", summary="证照列表 / List certificates")
async def list_certificates(
    who: Party,
    session: ReadTx,
    only: Annotated[queries.CertificateFilter, Depends(_only)],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[CertificateOut]:
    """List certificates, withdrawn ones too; a firm sees its own."""
    items, following = await queries.page_certificates(session, who, only, cursor, limit)
    return Page(items=[CertificateOut.model_validate(item) for item in items], next_cursor=following)


@router.get("/{certificate_id}", summary="证照信息 / Read a certificate")
async def read_certificate(who: Party, session: ReadTx, certificate_id: UUID) -> CertificateOut:
    """Return a certificate."""
    return CertificateOut.model_validate(await queries.get_certificate(session, who, certificate_id))


@router.post(
    "/{certificate_id}/withdrawal",
    summary="撤销误登证照 / Withdraw a certificate recorded wrongly",
    responses=problems(409),
)
async def withdraw_certificate(
    who: Party, session: WriteTx, now: Now, certificate_id: UUID, given: WithdrawalCreate
) -> CertificateOut:
    """Take a certificate out of the count; it stays on record."""
    withdrawn = await operations.withdraw_certificate(session, who, certificate_id, given, now)
    return CertificateOut.model_validate(withdrawn)
