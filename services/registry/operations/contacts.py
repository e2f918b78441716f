"""Contacts of firms and applicants: one sealed value under the firm's, or the application's, own id."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.schemas.enterprises import ContactIn, ContactOut
from services.shared.personal import Kept, Vault
from services.shared.standards.names import mask_name
from services.shared.standards.phone import mask_phone

FIELD = "contacts"
_contacts = TypeAdapter(list[ContactIn])


async def keep_contacts(
    session: AsyncSession,
    vault: Vault,
    subject_id: UUID,
    enterprise_id: UUID | None,
    contacts: Sequence[ContactIn],
) -> None:
    """Seal the contacts of a firm or an applicant, replacing the earlier ones; none removes them."""
    if contacts:
        sealed = {FIELD: _contacts.dump_json(list(contacts)).decode()}
        await vault.keep(session, subject_id, enterprise_id, sealed)
    else:
        await vault.erase(session, subject_id)


async def keep_all_contacts(
    session: AsyncSession, vault: Vault, contacts: Mapping[UUID, Sequence[ContactIn]]
) -> None:
    """Seal the contacts of firms, of each some, by the firms' ids; for the worker."""
    kept = [
        Kept(firm_id, firm_id, {FIELD: _contacts.dump_json(list(each)).decode()})
        for firm_id, each in contacts.items()
    ]
    await vault.keep_all(session, kept)


async def read_contacts(
    session: AsyncSession, vault: Vault, subject_ids: Collection[UUID]
) -> dict[UUID, list[ContactIn]]:
    """Return the contacts as they were given; for comparing and moving them, never for an answer."""
    values = await vault.read(session, subject_ids)
    return {
        subject_id: _contacts.validate_json(values.get(subject_id, {}).get(FIELD, "[]"))
        for subject_id in subject_ids
    }


async def read_masked_contacts(
    session: AsyncSession, vault: Vault, subject_ids: Collection[UUID]
) -> dict[UUID, list[ContactOut]]:
    """Return the contacts of firms, masked."""
    found = await read_contacts(session, vault, subject_ids)
    return {
        subject_id: [
            ContactOut(role=each.role, name=mask_name(each.name), phone=mask_phone(each.phone))
            for each in contacts
        ]
        for subject_id, contacts in found.items()
    }
