"""How a person's employment begins, is corrected and ends; the values go to the vault and nowhere else."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.people import (
    INDEXED_FIELDS,
    Checked,
    Employment,
    Fault,
    Papers,
    PersonKind,
    check_papers,
    check_values,
)
from services.registry.domain.verification import changed_fields
from services.registry.errors import DriverEnded, DriverRegistered
from services.registry.models import Driver, Enterprise
from services.registry.operations.documents import check_evidence
from services.registry.operations.owners import owner_of
from services.registry.operations.publishing import publish_driver
from services.registry.operations.resets import reset_groups
from services.registry.operations.tricycles import release_rider
from services.registry.operations.versions import check_version
from services.registry.queries.drivers import (
    get_driver,
    get_employer,
    is_employed,
)
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.locks import share_roster
from services.registry.schemas.drivers import (
    DriverCreate,
    DriverUpdate,
    EmploymentEndCreate,
    ValueWarning,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.ids import new_id
from services.shared.personal import SubjectErased, Vault
from services.shared.standards.zones import city_day

Written = tuple[Driver, list[ValueWarning]]
"""A driver and what deserves a look in what was given."""


async def register_driver(
    session: AsyncSession, vault: Vault, who: Principal, given: DriverCreate, now: datetime
) -> Written:
    """Register a person with an active firm.

    Raises:
        EnterpriseSuspended: The firm is not active.
        NotFound: The firm is unknown or not the caller's.
        DriverRegistered: The person is in active employment of this firm.
        Unprocessable: A value or the papers are not right; by field.
    """
    owner = owner_of(who, given.enterprise_id)
    await share_roster(session, owner)
    enterprise = await get_writing_enterprise(session, owner)
    today = city_day(now)
    checked = _checked(given.personal(), given, given.kind, today, known={})
    begin = given.employed_from or today
    _refuse_future("employed_from", begin, today)
    await _refuse_double(session, vault, enterprise.id, str(checked.values["id_number"]))
    driver = new_employment(given, enterprise, begin, now)
    driver.document_ids = await check_evidence(session, who, given.document_ids)
    await vault.keep(session, driver.id, enterprise.id, checked.values, indexed=INDEXED_FIELDS)
    await publish_driver(session, driver, now)
    return driver, _warnings(checked)


def new_employment(given: DriverCreate, owner: Enterprise, begin: date, now: datetime) -> Driver:
    """Return an employment that is still to be published; its values go to the vault."""
    return Driver(
        id=new_id(),
        enterprise_id=owner.id,
        kind=given.kind.value,
        status=Employment.ACTIVE.value,
        employed_from=begin,
        document_ids=[],
        verified={},
        is_demo=owner.is_demo,
        version=0,
        created_at=now,
        **papers_of(given),
    )


async def update_driver(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    driver_id: UUID,
    given: DriverUpdate,
    expected: int | None,
    now: datetime,
) -> Written:
    """Replace a person's papers, and the personal values that are given.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        SubjectErased: The person's data were erased.
        DriverEnded: The employment has ended.
        PreconditionFailed: `expected` is not its version.
        DriverRegistered: The new identity number is another one's in active employment of this firm.
        Unprocessable: A value or the papers are not right; by field.
    """
    if given.id_number is not None:
        await share_roster(session, await get_employer(session, who, driver_id))
    driver = await _changeable(session, who, driver_id)
    check_version(driver, expected)
    known = (await vault.read(session, [driver_id])).get(driver_id, {})
    checked = _checked(given.personal(), given, PersonKind(driver.kind), city_day(now), known=known)
    number = checked.values.get("id_number")
    if number not in {None, known.get("id_number")}:
        await _refuse_double(session, vault, driver.enterprise_id, str(number))
    papers = papers_of(given)
    before = {**known, **{name: getattr(driver, name) for name in papers}}
    for name, value in papers.items():
        setattr(driver, name, value)
    changed = changed_fields(before, {**checked.values, **papers})
    await reset_groups(session, "driver", driver, changed, now)
    driver.document_ids = await check_evidence(session, who, given.document_ids)
    await vault.keep(session, driver_id, driver.enterprise_id, checked.values, indexed=INDEXED_FIELDS)
    await publish_driver(session, driver, now)
    return driver, _warnings(checked)


async def end_employment(
    session: AsyncSession, who: Principal, driver_id: UUID, given: EmploymentEndCreate, now: datetime
) -> Driver:
    """End an employment; a rider's tricycle is given free.

    Raises:
        NotFound: Unknown or another's.
        EnterpriseSuspended: The firm is not active.
        SubjectErased: The person's data were erased.
        DriverEnded: It has ended.
        Unprocessable: The last day is in the future or before the first.
    """
    driver = await _changeable(session, who, driver_id)
    today = city_day(now)
    last = given.on or today
    _refuse_future("on", last, today)
    if driver.employed_from is not None and last < driver.employed_from:
        message = "不能早于入职日期 / not before the first day"
        raise Unprocessable(errors=[FieldError("body.on", "interval", message)])
    driver.status, driver.employed_to, driver.end_reason = Employment.ENDED.value, last, given.reason
    await publish_driver(session, driver, now)
    await release_rider(session, driver_id, now)
    return driver


async def _changeable(session: AsyncSession, who: Principal, driver_id: UUID) -> Driver:
    driver = await get_driver(session, who, driver_id, lock=True)
    if driver.status == Employment.ERASED:
        raise SubjectErased
    if not who.is_bureau:
        await get_writing_enterprise(session, driver.enterprise_id)
    if driver.status != Employment.ACTIVE:
        raise DriverEnded
    return driver


def _checked(
    values: Mapping[str, str | None],
    given: DriverCreate | DriverUpdate,
    kind: PersonKind,
    today: date,
    *,
    known: Mapping[str, str],
) -> Checked:
    checked, faults = check_person(values, given, kind, today, known=known)
    raise_faults(faults)
    return checked


def check_person(
    values: Mapping[str, str | None],
    given: DriverCreate | DriverUpdate,
    kind: PersonKind,
    today: date,
    *,
    known: Mapping[str, str],
) -> tuple[Checked, list[Fault]]:
    """Return what is given of a person in canonical form, and all that is wrong with it and its papers.

    Args:
        values: Personal values.
        given: The papers.
        kind: Driver or rider.
        today: In the city's zone.
        known: Personal values on record.
    """
    checked = check_values(values, today)
    has_qualification = bool({**known, **values}.get("qualification_number"))
    papers = check_papers(kind, Papers.of(given), has_qualification=has_qualification, today=today)
    return checked, [*checked.faults, *papers]


def raise_faults(faults: Iterable[Fault]) -> None:
    """Refuse what is wrong with personal values or papers, by field.

    Raises:
        Unprocessable: There is a fault.
    """
    errors = [
        FieldError(f"body.{fault.field}", fault.reason.code, f"{fault.reason.zh} / {fault.reason.en}")
        for fault in faults
    ]
    if errors:
        raise Unprocessable(errors=errors)


def _refuse_future(field: str, day: date, today: date) -> None:
    if day > today:
        message = "不能晚于今天 / not after today"
        raise Unprocessable(errors=[FieldError(f"body.{field}", "future", message)])


async def _refuse_double(session: AsyncSession, vault: Vault, enterprise_id: UUID, id_number: str) -> None:
    """Refuse a person in active employment of the firm; two requests at once go one after the other."""
    await vault.hold(session, "id_number", id_number, enterprise_id)
    same = await vault.find(session, "id_number", id_number)
    if await is_employed(session, enterprise_id, same):
        raise DriverRegistered


def papers_of(given: DriverCreate | DriverUpdate) -> dict[str, object]:
    """Return what is not personal of a person's papers, by column."""
    papers = Papers.of(given)
    return {name: getattr(papers, name) for name in Papers.__slots__}


def _warnings(checked: Checked) -> list[ValueWarning]:
    return [
        ValueWarning(field=each.field, code=each.reason.code, message=f"{each.reason.zh} / {each.reason.en}")
        for each in checked.warnings
    ]
