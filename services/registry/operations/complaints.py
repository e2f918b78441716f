"""What a complainant does: complain, ask how far it is, have the contact erased."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.complaints import may_have_occurred
from services.registry.domain.secrets import digest, new_secret
from services.registry.models import Complaint, ComplaintEvent
from services.registry.operations.recording import record_complaint
from services.registry.queries.complaints import (
    find_enterprise_named,
    find_registration,
    get_own_complaint,
    show_progress,
)
from services.registry.queries.scopes import enter_complaint_intake
from services.registry.schemas.complaints import (
    ComplaintCreate,
    ComplaintProgressOut,
    ComplaintReceipt,
)
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.personal import Vault
from services.shared.standards.coordinates import convert
from services.shared.writing import write

COMPLAINANT = "complainant"
"""Who acted, in the record of handling, where nobody knows more."""


async def submit_complaint(
    session: AsyncSession, vault: Vault, given: ComplaintCreate, now: datetime
) -> ComplaintReceipt:
    """Keep a stranger's complaint; the receipt's reference code is shown this once.

    It is matched to the registry as it was when it happened, whatever it names; the answer is the same
    whether something was found or not.

    Raises:
        Unprocessable: It is said to have happened in the future, or too long ago.
    """
    if not may_have_occurred(given.occurred_at, now):
        message = "须在过去三年之内 / within the last three years, and not to come"
        raise Unprocessable(errors=[FieldError("body.occurred_at", "occurred_at", message)])
    await enter_complaint_intake(session)
    code = new_secret()
    complaint = await _complaint(session, given, digest(code), now)
    contact = given.contact.model_dump(exclude_none=True) if given.contact else {}
    complaint.contact_given = bool(contact)
    await record_complaint(session, complaint, now)
    await add_step(session, complaint, "submitted", now, (COMPLAINANT, None))
    if contact:
        await vault.keep(session, complaint.id, None, contact)
    return ComplaintReceipt(**show_progress(complaint).model_dump(), reference_code=code)


async def _complaint(
    session: AsyncSession, given: ComplaintCreate, reference_hash: bytes, now: datetime
) -> Complaint:
    enterprise_id, vehicle_id = await _match(session, given)
    lon, lat = _position(given)
    return Complaint(
        id=new_id(),
        reference_hash=reference_hash,
        status="submitted",
        category=given.category.value,
        text=given.text,
        occurred_at=given.occurred_at,
        place=given.place,
        lon=lon,
        lat=lat,
        reported_uscc=given.uscc,
        reported_name=given.enterprise_name,
        reported_plate_number=given.plate_number,
        reported_plate_color=given.plate_color,
        enterprise_id=enterprise_id,
        vehicle_id=vehicle_id,
        version=0,
        created_at=now,
    )


async def _match(session: AsyncSession, given: ComplaintCreate) -> tuple[UUID | None, UUID | None]:
    """Return firm and registration; a registration is its owner's, whoever else was named."""
    named = await find_enterprise_named(session, given.uscc, given.enterprise_name)
    if given.plate_number is None or given.plate_color is None:
        return named, None
    vehicle = await find_registration(session, given.plate_number, given.plate_color, given.occurred_at)
    return (vehicle.enterprise_id, vehicle.id) if vehicle else (named, None)


def _position(given: ComplaintCreate) -> tuple[float | None, float | None]:
    if given.lon is None or given.lat is None:
        return None, None
    return convert(given.lon, given.lat, given.crs)


async def add_step(
    session: AsyncSession,
    complaint: Complaint,
    kind: str,
    now: datetime,
    by: tuple[str, str | None],
    text: str | None = None,
) -> None:
    """Put one step on record.

    Args:
        session: The business transaction.
        complaint: Whose step it is.
        kind: What was done.
        now: When.
        by: Subject and, for an official, name.
        text: Note, question, statement or reply.
    """
    subject, name = by
    step = ComplaintEvent(
        id=new_id(),
        complaint_id=complaint.id,
        enterprise_id=complaint.enterprise_id,
        kind=kind,
        at=now,
        by_subject=subject,
        by_name=name,
        text=text,
    )
    session.add(step)
    await write(session, {})


async def erase_contact(
    session: AsyncSession, vault: Vault, complaint_id: UUID, reference_code: str, now: datetime
) -> ComplaintProgressOut:
    """Destroy the complainant's contact for good; that it was done stays on record. Again changes nothing.

    Raises:
        NotFound: No complaint with this id and reference code.
    """
    complaint = await get_own_complaint(session, complaint_id, reference_code, lock=True)
    if await vault.erase(session, complaint.id):
        complaint.contact_erased_at = now
        await record_complaint(session, complaint, now)
        await add_step(session, complaint, "contact_erased", now, (COMPLAINANT, None))
    return show_progress(complaint)
