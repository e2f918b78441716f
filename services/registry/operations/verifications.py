"""Verifications: an official, or an authority's interface, vouches for one group of an entity's fields."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.errors import VerificationEnded
from services.registry.models import Verification
from services.registry.operations.documents import check_evidence
from services.registry.operations.holders import publish_holder
from services.registry.operations.versions import check_version
from services.registry.queries.holders import enterprise_of, get_holder_for_update
from services.registry.queries.verifications import get_verification, lock_verifications
from services.registry.schemas.verifications import RevocationCreate, VerificationCreate
from services.shared.auth import Principal
from services.shared.ids import new_id
from services.shared.writing import write


async def verify_group(
    session: AsyncSession,
    official: Principal,
    given: VerificationCreate,
    expected: int | None,
    now: datetime,
) -> Verification:
    """Record how far a group was checked; an earlier verification of the group ends.

    Raises:
        NotFound: No such entity.
        PreconditionFailed: `expected` is not the entity's version: it was edited since it was looked at.
        Unprocessable: A document is unknown.
    """
    kind = given.subject_kind.value
    subject = await get_holder_for_update(session, official, kind, given.subject_id)
    check_version(subject, expected)
    voucher = Voucher(
        official.subject,
        official.name or official.subject,
        given.level,
        given.source,
        given.note,
        await check_evidence(session, official, given.document_ids),
    )
    return await vouch(session, (kind, subject), given.field_group, voucher, now)


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who vouches, how far, against what, on which evidence."""

    by: str
    by_name: str
    level: str
    source: str
    note: str | None = None
    document_ids: list[UUID] = field(default_factory=list)


async def vouch(
    session: AsyncSession, subject: tuple[str, Any], group: str, voucher: Voucher, now: datetime
) -> Verification:
    """Record a verification of a locked subject's group, superseding an earlier one, and publish it.

    Args:
        session: The business transaction.
        subject: Its kind, and the entity.
        group: One of the kind's groups.
        voucher: Who vouches for it.
        now: The instant.
    """
    kind, entity = subject
    for earlier in await lock_verifications(session, {entity.id: [group]}):
        earlier.ended_at, earlier.end_cause = now, "superseded"
    await write(session, {})
    verification = Verification(
        id=new_id(),
        subject_kind=kind,
        subject_id=entity.id,
        enterprise_id=enterprise_of(kind, entity),
        field_group=group,
        level=voucher.level,
        source=voucher.source,
        note=voucher.note,
        document_ids=voucher.document_ids,
        verified_by=voucher.by,
        verified_by_name=voucher.by_name,
        verified_at=now,
    )
    session.add(verification)
    await write(session, {})
    entity.verified = {**entity.verified, group: voucher.level}
    await publish_holder(session, kind, entity, now)
    return verification


async def revoke_verification(
    session: AsyncSession, official: Principal, verification_id: UUID, given: RevocationCreate, now: datetime
) -> Verification:
    """End a verification that did not hold; the group is self-declared again.

    Raises:
        NotFound: No such verification.
        VerificationEnded: It is not in force.
    """
    known = await get_verification(session, official, verification_id)
    subject: Any = await get_holder_for_update(session, official, known.subject_kind, known.subject_id)
    verification = await get_verification(session, official, verification_id, lock=True)
    if verification.ended_at is not None:
        raise VerificationEnded
    verification.ended_at, verification.end_cause = now, "revoked"
    verification.note = given.reason
    await write(session, {})
    subject.verified = {
        name: level for name, level in subject.verified.items() if name != verification.field_group
    }
    await publish_holder(session, verification.subject_kind, subject, now)
    return verification
