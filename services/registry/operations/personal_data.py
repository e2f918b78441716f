"""Personal values in the clear: read for a purpose, destroyed on request; each on record."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.people import Employment, Papers
from services.registry.domain.verification import GROUPS, SubjectKind
from services.registry.models import Driver, Erasure
from services.registry.operations.documents import erase_document
from services.registry.operations.publishing import publish_driver
from services.registry.operations.resets import reset_groups
from services.registry.operations.tricycles import release_rider
from services.registry.queries.complaints import get_complaint
from services.registry.queries.contacts import read_contacts
from services.registry.queries.drivers import find_drivers, get_driver
from services.registry.queries.enterprises import get_enterprise
from services.registry.queries.evidence import lock_documents_of
from services.registry.queries.scopes import enter_erasure
from services.registry.queries.verifications import lock_verifications_of
from services.registry.schemas.personal import (
    ContactValue,
    ErasureCreate,
    PersonalReadingCreate,
    PersonalValuesOut,
)
from services.shared.audit import AccessLog, Reading
from services.shared.auth import Principal
from services.shared.errors import Forbidden, NotFound
from services.shared.idempotency import erase_answers
from services.shared.ids import new_id
from services.shared.personal import SubjectErased, Vault
from services.shared.writing import write

_Found = tuple[UUID | None, Mapping[str, Any]]
"""Whose they are, and the values by field."""

_EVERYTHING: Final = frozenset[str]().union(*GROUPS[SubjectKind.DRIVER].values())
"""Fields of a person that can have been verified; an erased one has none."""


async def read_personal_values(
    session: AsyncSession,
    vault: Vault,
    log: AccessLog,
    who: Principal,
    given: PersonalReadingCreate,
    now: datetime,
    request_id: str,
) -> PersonalValuesOut:
    """Return values in the clear, on record already.

    Raises:
        NotFound: Unknown or another's.
        SubjectErased: The person's data were erased.
    """
    values_of = _VALUES_OF[given.subject_kind]
    enterprise_id, values = await values_of(session, vault, who, given.subject_id)
    fields = tuple(sorted(given.fields))
    read = Reading(given.subject_kind, given.subject_id, enterprise_id, fields, given.purpose)
    return PersonalValuesOut(
        subject_kind=given.subject_kind,
        subject_id=given.subject_id,
        values={field: values.get(field) for field in fields},
        log_pos=await log.record(who, read, now, request_id),
    )


async def _of_driver(session: AsyncSession, vault: Vault, who: Principal, driver_id: UUID) -> _Found:
    driver = await get_driver(session, who, driver_id)
    if driver.status == Employment.ERASED:
        raise SubjectErased
    return driver.enterprise_id, (await vault.read(session, [driver_id])).get(driver_id, {})


async def _of_firm(session: AsyncSession, vault: Vault, who: Principal, enterprise_id: UUID) -> _Found:
    await get_enterprise(session, who, enterprise_id)
    contacts = (await read_contacts(session, vault, [enterprise_id]))[enterprise_id]
    return enterprise_id, {"contacts": [ContactValue.model_validate(each) for each in contacts]}


async def _of_complaint(session: AsyncSession, vault: Vault, who: Principal, complaint_id: UUID) -> _Found:
    """A complainant's contact is the offices' alone, also where the complaint was forwarded to the firm."""
    if not who.is_bureau:
        raise NotFound
    complaint = await get_complaint(session, who, complaint_id)
    if complaint.contact_erased_at is not None:
        raise SubjectErased
    return None, (await vault.read(session, [complaint_id])).get(complaint_id, {})


_VALUES_OF: Final = {"driver": _of_driver, "enterprise": _of_firm, "complaint": _of_complaint}


async def erase_driver(
    session: AsyncSession, vault: Vault, who: Principal, driver_id: UUID, given: ErasureCreate, now: datetime
) -> list[Erasure]:
    """Destroy a person's keys, values and own documents; the rows stay with nothing of the person on them.

    With an employment go the person's others, current and ended ones, that the caller may see.

    Returns:
        The erasures, that of `driver_id` first.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: An office's system without a named person.
        SubjectErased: It was done before.
    """
    if who.enterprise_id is None and not who.is_official:
        raise Forbidden("须由具名工作人员办理 / a named official must decide")
    people = await _lock_employments(session, vault, who, driver_id)
    await enter_erasure(session)
    documents = await _erase_evidence(session, vault, people, now)
    for driver in people:
        await vault.erase(session, driver.id)
        await erase_answers(session, "registry", driver.id)
        await reset_groups(session, "driver", driver, _EVERYTHING, now)
        _forget(driver)
        await publish_driver(session, driver, now)
        await release_rider(session, driver.id, now)
    erasures = [_erasure(driver, documents[driver.id], who, given, now) for driver in people]
    session.add_all(erasures)
    await write(session, {})
    return erasures


async def _lock_employments(
    session: AsyncSession, vault: Vault, who: Principal, driver_id: UUID
) -> list[Driver]:
    """Return an employment and the others of the same person that the caller may see, locked."""
    number = (await vault.read(session, [driver_id])).get(driver_id, {}).get("id_number")
    same = await vault.find(session, "id_number", number) if number else ()
    people = await find_drivers(session, who, {driver_id, *same}, lock=True)
    people.sort(key=lambda driver: driver.id != driver_id)
    if not people or people[0].id != driver_id:
        raise NotFound
    if people[0].status == Employment.ERASED:
        raise SubjectErased
    return [driver for driver in people if driver.status != Employment.ERASED]


async def _erase_evidence(
    session: AsyncSession, vault: Vault, people: Sequence[Driver], now: datetime
) -> dict[UUID, int]:
    """Destroy documents of nobody else and what verifications say in words; how many documents, by driver."""
    named = {driver.id: set(driver.document_ids) for driver in people}
    for verification in await lock_verifications_of(session, named.keys()):
        named[verification.subject_id].update(verification.document_ids)
        verification.source = verification.note = None
    documents = await lock_documents_of(session, set[UUID]().union(*named.values()), named.keys())
    for document in documents:
        await erase_document(session, vault, document, now)
    erased = {document.id for document in documents}
    return {driver_id: len(erased & ids) for driver_id, ids in named.items()}


def _erasure(driver: Driver, documents: int, who: Principal, given: ErasureCreate, now: datetime) -> Erasure:
    return Erasure(
        id=new_id(),
        subject_kind="driver",
        subject_id=driver.id,
        enterprise_id=driver.enterprise_id,
        requested_by=given.requested_by,
        reason=given.reason,
        documents_erased=documents,
        erased_by=who.subject,
        erased_by_name=who.name,
        erased_at=now,
    )


def _forget(driver: Driver) -> None:
    """Leave of a row its id, its firm and its kind."""
    driver.status = Employment.ERASED.value
    for name in (*Papers.__slots__, "employed_from", "employed_to", "end_reason"):
        setattr(driver, name, None)
    driver.drives_over_4500_kg, driver.document_ids = False, []
