"""Keeping the contacts of firms and applicants."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.queries.contacts import CONTACTS, FIELD
from services.registry.schemas.enterprises import ContactIn
from services.shared.personal import Kept, Vault


async def keep_contacts(
    session: AsyncSession,
    vault: Vault,
    subject_id: UUID,
    enterprise_id: UUID | None,
    contacts: Sequence[ContactIn],
) -> None:
    """Seal the contacts of a firm or an applicant, replacing the earlier ones; none removes them."""
    if contacts:
        sealed = {FIELD: CONTACTS.dump_json(list(contacts)).decode()}
        await vault.keep(session, subject_id, enterprise_id, sealed)
    else:
        await vault.erase(session, subject_id)


async def keep_all_contacts(
    session: AsyncSession, vault: Vault, contacts: Mapping[UUID, Sequence[ContactIn]]
) -> None:
    """Seal the contacts of firms, of each some, by the firms' ids; for the worker."""
    kept = [
        Kept(firm_id, firm_id, {FIELD: CONTACTS.dump_json(list(each)).decode()})
        for firm_id, each in contacts.items()
    ]
    await vault.keep_all(session, kept)
