"""Reads of certificates; the caller's ownership is a `where` in each."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Certificate
from services.shared.auth import Principal
from services.shared.errors import NotFound
from services.shared.paging import page


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """What a list of certificates is narrowed to; None is no condition."""

    holder_id: UUID | None = None
    kind: str | None = None
    enterprise_id: UUID | None = None
    ends_before: date | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    return true() if who.is_bureau else Certificate.enterprise_id == who.enterprise_id


async def get_certificate(
    session: AsyncSession, who: Principal, certificate_id: UUID, *, lock: bool = False
) -> Certificate:
    """Return a certificate the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown or another's.
    """
    statement = select(Certificate).where(Certificate.id == certificate_id, _visible(who))
    if lock:  # read before it was locked: what another transaction made of it since is what counts
        statement = statement.with_for_update().execution_options(populate_existing=True)
    certificate = await session.scalar(statement)
    if certificate is None:
        raise NotFound
    return certificate


async def page_certificates(
    session: AsyncSession, who: Principal, only: CertificateFilter, cursor: str | None, limit: int
) -> tuple[list[Certificate], str | None]:
    """Return a page of the certificates the caller may see, withdrawn ones too."""
    statement = select(Certificate).where(_visible(who))
    if only.holder_id is not None:
        statement = statement.where(Certificate.holder_id == only.holder_id)
    if only.kind is not None:
        statement = statement.where(Certificate.kind == only.kind)
    if only.enterprise_id is not None:
        statement = statement.where(Certificate.enterprise_id == only.enterprise_id)
    if only.ends_before is not None:
        statement = statement.where(Certificate.valid_to < only.ends_before)
    return await page(session, statement, [Certificate.id], cursor, limit)


async def certificates_of(
    session: AsyncSession, holder_ids: Collection[UUID]
) -> dict[UUID, list[Certificate]]:
    """Return the certificates that count, by holder, in the order they were recorded."""
    statement = (
        select(Certificate)
        .where(Certificate.holder_id.in_(holder_ids), Certificate.withdrawn_at.is_(None))
        .order_by(Certificate.recorded_at, Certificate.id)
    )
    found: dict[UUID, list[Certificate]] = defaultdict(list)
    for certificate in await session.scalars(statement):
        found[certificate.holder_id].append(certificate)
    return found
