"""The life of a permit after its issue: revoked, elapsed, cut with the vehicle's registration."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.permits.errors import PermitNotActive
from services.permits.models import Permit
from services.permits.operations.publishing import publish_permit
from services.permits.queries.permits import find_elapsed_permits, find_standing_permits_of, get_permit
from services.permits.schemas.permits import ReasonIn
from services.shared.auth import Principal

_BATCH = 500


async def revoke_permit(
    session: AsyncSession, official: Principal, permit_id: UUID, body: ReasonIn, now: datetime
) -> Permit:
    """Take a permit away from now on; checks about earlier instants still see it.

    Raises:
        NotFound: No such permit.
        PermitNotActive: It is revoked or expired already.
    """
    permit = await get_permit(session, official, permit_id, lock=True)
    if permit.status not in {"active", "suspended"} or permit.valid_to <= now:
        raise PermitNotActive
    permit.status = "revoked"
    permit.revoked_at = now
    permit.revoked_by = official.subject
    permit.revocation_reason = body.reason
    permit.version += 1
    await publish_permit(session, permit)
    return permit


async def expire_permits(session: AsyncSession, now: datetime) -> int:
    """Mark elapsed permits as expired; returns how many. Checks do not wait for the mark."""
    elapsed = await find_elapsed_permits(session, now, _BATCH)
    for permit in elapsed:
        permit.status = "expired"
        permit.version += 1
        await publish_permit(session, permit)
    return len(elapsed)


async def follow_registration(
    session: AsyncSession, vehicle_id: UUID, ends_at: datetime | None, now: datetime
) -> None:
    """Let the vehicle's permits end with its registration, or run on when that end is taken back."""
    for permit in await find_standing_permits_of(session, vehicle_id):
        end = max(min(permit.granted_until, ends_at or permit.granted_until), permit.valid_from)
        if end == permit.valid_to:
            continue
        permit.valid_to = end
        if permit.status != "suspended":
            permit.status = "active" if end > now else "expired"
        permit.version += 1
        await publish_permit(session, permit)
