"""Reads of contacts: one sealed value under the own id of a firm or an applicant."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import in_force
from services.registry.models import Enterprise
from services.registry.schemas.enterprises import ContactIn, ContactOut, EnterpriseOut
from services.shared.personal import Vault
from services.shared.standards.names import mask_name
from services.shared.standards.phone import mask_phone

FIELD: Final = "contacts"
CONTACTS: Final = TypeAdapter(list[ContactIn])
"""Of the sealed value."""


async def read_contacts(
    session: AsyncSession, vault: Vault, subject_ids: Collection[UUID]
) -> dict[UUID, list[ContactIn]]:
    """Return the contacts as they were given; for comparing and moving them, never for an answer."""
    values = await vault.read(session, subject_ids)
    return {
        subject_id: CONTACTS.validate_json(values.get(subject_id, {}).get(FIELD, "[]"))
        for subject_id in subject_ids
    }


async def show_enterprises(
    session: AsyncSession, vault: Vault, enterprises: Sequence[Enterprise]
) -> list[EnterpriseOut]:
    """Return firms as everybody sees them: contacts masked, the standing that is in force."""
    contacts = await read_contacts(session, vault, [each.id for each in enterprises])
    columns = [name for name in EnterpriseOut.model_fields if name != FIELD]
    return [
        EnterpriseOut.model_validate(
            {
                **{name: getattr(each, name) for name in columns},
                "status": in_force(each.status, each.lapses),
                FIELD: [_masked(contact) for contact in contacts[each.id]],
            }
        )
        for each in enterprises
    ]


def _masked(contact: ContactIn) -> ContactOut:
    return ContactOut(role=contact.role, name=mask_name(contact.name), phone=mask_phone(contact.phone))
