"""Reads of complaints; a firm sees its own once they are forwarded, a complainant his by the code."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.complaints import public_status
from services.registry.domain.secrets import digest
from services.registry.models import Complaint, ComplaintEvent, Enterprise, StaffAccount, Vehicle
from services.registry.queries.scopes import enter_complainant
from services.registry.schemas.complaints import ComplaintContactOut, ComplaintProgressOut
from services.shared.auth import Principal
from services.shared.auth.principal import BUREAUS
from services.shared.errors import NotFound
from services.shared.paging import page
from services.shared.personal import Vault
from services.shared.standards.names import mask_name
from services.shared.standards.phone import mask_phone


@dataclass(frozen=True, slots=True)
class ComplaintFilter:
    """What a list of complaints is narrowed to; None is no condition."""

    status: str | None = None
    category: str | None = None
    outcome: str | None = None
    enterprise_id: UUID | None = None
    vehicle_id: UUID | None = None
    handler_id: str | None = None
    submitted_from: datetime | None = None
    submitted_to: datetime | None = None


def _visible(who: Principal) -> ColumnElement[bool]:
    if who.is_bureau:
        return true()
    return and_(Complaint.enterprise_id == who.enterprise_id, Complaint.forwarded_at.is_not(None))


async def get_complaint(
    session: AsyncSession, who: Principal, complaint_id: UUID, *, lock: bool = False
) -> Complaint:
    """Return a complaint the caller may see, locked for a change when asked.

    Raises:
        NotFound: Unknown, another's, or not forwarded.
    """
    statement = select(Complaint).where(Complaint.id == complaint_id, _visible(who))
    complaint = await session.scalar(statement.with_for_update() if lock else statement)
    if complaint is None:
        raise NotFound
    return complaint


async def get_own_complaint(
    session: AsyncSession, complaint_id: UUID, reference_code: str, *, lock: bool = False
) -> Complaint:
    """Return the complaint that has both this id and this reference code.

    Raises:
        NotFound: No such pair.
    """
    reference_hash = digest(reference_code)
    await enter_complainant(session, reference_hash)
    statement = select(Complaint).where(
        Complaint.id == complaint_id, Complaint.reference_hash == reference_hash
    )
    complaint = await session.scalar(statement.with_for_update() if lock else statement)
    if complaint is None:
        raise NotFound
    return complaint


async def page_complaints(
    session: AsyncSession, who: Principal, only: ComplaintFilter, cursor: str | None, limit: int
) -> tuple[list[Complaint], str | None]:
    """Return a page of the complaints the caller may see."""
    statement = select(Complaint).where(_visible(who))
    for column, value in (
        (Complaint.status, only.status),
        (Complaint.category, only.category),
        (Complaint.outcome, only.outcome),
        (Complaint.enterprise_id, only.enterprise_id),
        (Complaint.vehicle_id, only.vehicle_id),
        (Complaint.handler_id, only.handler_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if only.submitted_from is not None:
        statement = statement.where(Complaint.created_at >= only.submitted_from)
    if only.submitted_to is not None:
        statement = statement.where(Complaint.created_at < only.submitted_to)
    return await page(session, statement, [Complaint.id], cursor, limit)


async def page_complaint_events(
    session: AsyncSession, who: Principal, complaint_id: UUID, cursor: str | None, limit: int
) -> tuple[list[ComplaintEvent], str | None]:
    """Return a page of the steps of a complaint.

    Raises:
        NotFound: No such complaint.
    """
    await get_complaint(session, who, complaint_id)
    statement = select(ComplaintEvent).where(ComplaintEvent.complaint_id == complaint_id)
    return await page(session, statement, [ComplaintEvent.id], cursor, limit)


async def find_registration(
    session: AsyncSession, plate_number: str, plate_color: int, at: datetime
) -> Vehicle | None:
    """Return the registration of a plate in force at an instant, or None."""
    statement = select(Vehicle).where(
        Vehicle.plate_number == plate_number,
        Vehicle.plate_color == plate_color,
        Vehicle.valid_from <= at,
        or_(Vehicle.valid_to.is_(None), Vehicle.valid_to > at),
    )
    return await session.scalar(statement)


async def find_enterprise_named(session: AsyncSession, uscc: str | None, name: str | None) -> UUID | None:
    """Return the firm, not closed, with this code, else the only one with exactly this name."""
    for column, value in ((Enterprise.uscc, uscc), (Enterprise.name, name)):
        if value is not None:
            statement = select(Enterprise.id).where(column == value, Enterprise.status != "closed")
            found = (await session.scalars(statement.limit(2))).all()
            if len(found) == 1:
                return found[0]
    return None


async def find_vehicle(session: AsyncSession, vehicle_id: UUID) -> Vehicle | None:
    """Return a registration or None."""
    return await session.get(Vehicle, vehicle_id)


async def find_enterprise(session: AsyncSession, enterprise_id: UUID) -> Enterprise | None:
    """Return a firm or None."""
    return await session.get(Enterprise, enterprise_id)


async def find_handler(session: AsyncSession, account_id: UUID) -> StaffAccount | None:
    """Return the active account of an official of one of the offices, or None."""
    statement = select(StaffAccount).where(
        StaffAccount.id == account_id,
        StaffAccount.status == "active",
        StaffAccount.role.in_([role.value for role in BUREAUS]),
    )
    return await session.scalar(statement)


def show_progress(complaint: Complaint) -> ComplaintProgressOut:
    """Return what the complainant is told."""
    fields = {name: getattr(complaint, name, None) for name in ComplaintProgressOut.model_fields}
    return ComplaintProgressOut.model_validate(
        {
            **fields,
            "status": public_status(complaint.status),
            "submitted_at": complaint.created_at,
            "contact_kept": complaint.contact_given and complaint.contact_erased_at is None,
        }
    )


async def show_contact(session: AsyncSession, vault: Vault, complaint: Complaint) -> ComplaintContactOut:
    """Return a complainant's contact, masked."""
    values = (await vault.read(session, [complaint.id])).get(complaint.id, {})
    name, phone = values.get("name"), values.get("phone")
    return ComplaintContactOut(
        name=mask_name(name) if name else None,
        phone=mask_phone(phone) if phone else None,
        erased_at=complaint.contact_erased_at,
    )
