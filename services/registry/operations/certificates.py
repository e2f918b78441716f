"""Certificates: recorded, withdrawn; each changes its holder's standing at once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.certificates import Holder, may_withdraw
from services.registry.errors import CertificateStands, CertificateWithdrawn
from services.registry.models import Certificate
from services.registry.operations.documents import check_evidence
from services.registry.operations.holders import publish_holder
from services.registry.operations.papers import refuse_filler
from services.registry.operations.resets import reset_groups
from services.registry.queries.certificates import get_certificate
from services.registry.queries.enterprises import get_renewing_enterprise
from services.registry.queries.holders import enterprise_of, get_holder_for_update
from services.registry.schemas.certificates import CertificateCreate, WithdrawalCreate
from services.shared.auth import Principal
from services.shared.ids import new_id
from services.shared.standards.zones import city_day
from services.shared.writing import write


async def record_certificate(
    session: AsyncSession, who: Principal, given: CertificateCreate, now: datetime
) -> Certificate:
    """Put a certificate on record; its holder's standing follows, and its group is self-declared again.

    Raises:
        NotFound: The holder is unknown or another's.
        EnterpriseSuspended: The firm is not active by decision; a lapsed one may renew.
        Unprocessable: A document is unknown or another's, or the number is the filler of lighter vehicles.
    """
    kind = given.holder_kind.value
    holder = await get_holder_for_update(session, who, kind, given.holder_id)
    owner = enterprise_of(kind, holder)
    if not who.is_bureau:
        await get_renewing_enterprise(session, owner)
    certificate = Certificate(
        id=new_id(),
        holder_kind=kind,
        holder_id=given.holder_id,
        enterprise_id=owner,
        kind=given.kind.value,
        number=given.number,
        issuer=given.issuer,
        grade=given.grade.value if given.grade else None,
        category=given.category.value if given.category else None,
        valid_from=given.valid_from,
        valid_to=given.valid_to,
        document_ids=await check_evidence(session, who, given.document_ids),
        recorded_by=who.subject,
        by_office=who.is_bureau,
        recorded_at=now,
    )
    if kind == Holder.VEHICLE:
        refuse_filler(holder.gross_mass_kg, [certificate], "body.number")
    session.add(certificate)
    await _settle(session, certificate, holder, now)
    return certificate


async def withdraw_certificate(
    session: AsyncSession, who: Principal, certificate_id: UUID, given: WithdrawalCreate, now: datetime
) -> Certificate:
    """Take a certificate that was recorded wrongly out of the count; it stays on record.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active by decision.
        CertificateWithdrawn: It was done before.
        CertificateStands: A firm's own request, and an office recorded it, or it has run out.
    """
    certificate = await get_certificate(session, who, certificate_id)
    holder = await get_holder_for_update(session, who, certificate.holder_kind, certificate.holder_id)
    certificate = await get_certificate(session, who, certificate_id, lock=True)
    if not who.is_bureau:
        await get_renewing_enterprise(session, certificate.enterprise_id)
    if certificate.withdrawn_at is not None:
        raise CertificateWithdrawn
    today = city_day(now)
    if not may_withdraw(certificate.valid_to, today, by_office=certificate.by_office, office=who.is_bureau):
        raise CertificateStands
    certificate.withdrawn_at = now
    certificate.withdrawn_by = who.subject
    certificate.withdrawn_reason = given.reason
    await _settle(session, certificate, holder, now)
    return certificate


async def _settle(session: AsyncSession, certificate: Certificate, holder: object, now: datetime) -> None:
    await write(session, {})
    await reset_groups(session, certificate.holder_kind, holder, [certificate.kind], now)
    await publish_holder(session, certificate.holder_kind, holder, now)
