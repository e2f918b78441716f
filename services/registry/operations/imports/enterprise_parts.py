"""What a row says of a firm beyond the firm's own row: a person to reach, and its licences."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.models import Certificate, Enterprise
from services.registry.operations.imports.enterprise_columns import LICENCES
from services.registry.operations.imports.entity import Run
from services.registry.operations.papers import Declared, is_new
from services.registry.queries.certificates import certificates_of
from services.registry.queries.contacts import FIELD, read_contacts
from services.registry.schemas.enterprise_files import EnterpriseRow
from services.registry.schemas.enterprises import ContactIn


@dataclass(frozen=True, slots=True, repr=False)
class Parts:
    """What changes beside the firm's own row.

    Attributes:
        edited: Columns of the row itself that change, too.
        contacts: All of them as they are to be; None where they stay.
        licences: Those that the row renews or corrects, or that are the first of their kind.
    """

    edited: frozenset[str]
    contacts: Sequence[ContactIn] | None
    licences: Sequence[Declared]

    @property
    def changed(self) -> frozenset[str]:
        """All that changes, as verifications name it."""
        kinds = {paper.kind.value for paper in self.licences}
        return self.edited | kinds | (set() if self.contacts is None else {FIELD})


@dataclass(frozen=True, slots=True, repr=False)
class Known:
    """What is on record of firms beside their own rows."""

    contacts: Mapping[UUID, Sequence[ContactIn]]
    papers: Mapping[UUID, Sequence[Certificate]]

    def parts_of(self, given: EnterpriseRow, present: Enterprise | None, edited: frozenset[str]) -> Parts:
        """Return what a row changes of a firm, or says of a new one."""
        contacts = self.contacts.get(present.id, ()) if present else ()
        papers = self.papers.get(present.id, ()) if present else ()
        licences = [
            Declared(kind, getattr(given, last), getattr(given, number))
            for kind, (number, last) in LICENCES.items()
        ]
        new = tuple(each for each in licences if is_new(each, papers))
        return Parts(edited, _replaced(contacts, given.contact()), new)


async def find_known(session: AsyncSession, run: Run, firms: Collection[Enterprise]) -> Known:
    """Return what is on record of firms as far as the file has columns for it."""
    ids = [firm.id for firm in firms]
    contacts = await read_contacts(session, run.vault, ids) if "contact_name" in run.columns else {}
    return Known(contacts, await certificates_of(session, ids))


def _replaced(contacts: Sequence[ContactIn], given: ContactIn | None) -> list[ContactIn] | None:
    """Return contacts with one put in the place of the first of its role; None where nothing changes."""
    if given is None or given in contacts:
        return None
    place = next((place for place, each in enumerate(contacts) if each.role == given.role), len(contacts))
    return [*contacts[:place], given, *contacts[place + 1 :]]
