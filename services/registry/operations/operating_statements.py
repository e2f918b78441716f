"""Operating statements: submitted month by month, superseded, accepted, returned; never overwritten."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.months import begin_of, days_in, end_of, has_ended, is_late, month_before
from services.registry.domain.plausibility import (
    FLAG_TEXTS,
    Flag,
    Stated,
    StatementChecks,
    figures,
    flags_of,
)
from services.registry.errors import StatementDecided, StatementSuperseded
from services.registry.models import OperatingStatement
from services.registry.operations.documents import check_evidence
from services.registry.operations.recording import record_statement
from services.registry.operations.versions import check_version
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.operating_statements import (
    find_current_statement,
    fleet_between,
    get_statement,
)
from services.registry.schemas.operating_statements import OperatingStatementCreate, ReturnCreate
from services.shared.auth import Principal
from services.shared.errors import FieldError, NotFound, Unprocessable
from services.shared.ids import new_id
from services.shared.locks import lock_name
from services.shared.standards.zones import CITY_ZONE

_SCALARS = ("vehicle_count", "vehicle_days", "vehicle_km", "loaded_km", "tonne_km")
_STATED = (*_SCALARS, "vehicle_km_source", "notes")
_SHOWN = Decimal("0.0001")


async def submit_statement(
    session: AsyncSession,
    checks: StatementChecks,
    who: Principal,
    given: OperatingStatementCreate,
    now: datetime,
) -> OperatingStatement:
    """Keep a firm's statement of a month; one there was before is superseded and stays.

    Raises:
        NotFound: The caller is no firm.
        EnterpriseSuspended: The firm is not active.
        Unprocessable: The month has not ended, or a document is unknown or another's.
    """
    if who.enterprise_id is None:
        raise NotFound
    enterprise = await get_writing_enterprise(session, who.enterprise_id)
    if not has_ended(given.month, now, CITY_ZONE):
        message = "该月尚未结束 / the month has not ended"
        raise Unprocessable(errors=[FieldError("body.month", "month_not_ended", message)])
    document_ids = await check_evidence(session, who, given.document_ids)
    # Two of one month wait for each other here: both are kept, in this order.
    await lock_name(session, f"operating_statement/{enterprise.id}/{given.month}")
    present = await _supersede(session, enterprise.id, given.month, now)
    statement = OperatingStatement(
        id=new_id(),
        enterprise_id=enterprise.id,
        month=given.month,
        revision=present.revision + 1 if present else 1,
        supersedes=present.id if present else None,
        status="submitted",
        late=is_late(given.month, now, CITY_ZONE, checks.due_day),
        costs_yuan=given.costs_yuan.model_dump(exclude_none=True),
        energy=given.energy.model_dump(exclude_none=True),
        document_ids=document_ids,
        submitted_by=who.subject,
        version=0,
        created_at=now,
        **{name: getattr(given, name) for name in _STATED},
    )
    await _flag(session, statement, checks)
    await record_statement(session, statement, now)
    return statement


async def _supersede(
    session: AsyncSession, enterprise_id: UUID, month: str, now: datetime
) -> OperatingStatement | None:
    present = await find_current_statement(session, enterprise_id, month, lock=True)
    if present is not None:
        present.status, present.superseded_at = "superseded", now
        await record_statement(session, present, now)
    return present


async def _flag(session: AsyncSession, statement: OperatingStatement, checks: StatementChecks) -> None:
    """Say what is implausible, against the month before unless that was returned as wrong."""
    month = statement.month
    before = await find_current_statement(session, statement.enterprise_id, month_before(month))
    if before is not None and before.status == "returned":
        before = None
    fleet = await fleet_between(
        session, statement.enterprise_id, begin_of(month, CITY_ZONE), end_of(month, CITY_ZONE)
    )
    was = _stated(before) if before else None
    found = flags_of(_stated(statement), days_in(month), was, fleet, checks)
    statement.flags = _plain(found)
    statement.checks_version = checks.version
    statement.compared_with = before.id if before else None


def _stated(statement: OperatingStatement) -> Stated:
    others = {name: getattr(statement, name) for name in _SCALARS}
    return figures(statement.costs_yuan, statement.energy, others)


def _plain(flags: Sequence[Flag]) -> list[dict[str, Any]]:
    return [
        {
            "code": flag.code,
            "field": flag.field,
            "zh": FLAG_TEXTS[flag.code][0],
            "en": FLAG_TEXTS[flag.code][1],
            "value": _text(flag.value),
            "compared": _text(flag.compared),
            "bound": _text(flag.bound),
        }
        for flag in flags
    ]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value.quantize(_SHOWN).normalize():f}"


async def accept_statement(
    session: AsyncSession, official: Principal, statement_id: UUID, expected: int | None, now: datetime
) -> OperatingStatement:
    """Take a statement as it is.

    Raises:
        NotFound: No such statement.
        PreconditionFailed: `expected` is not its version.
        StatementSuperseded: A later revision stands in its place.
        StatementDecided: It was accepted or returned before.
    """
    statement = await _current(session, official, statement_id, expected)
    if statement.status != "submitted":
        raise StatementDecided
    statement.status, statement.accepted_at = "accepted", now
    statement.accepted_by, statement.accepted_by_name = official.subject, official.name
    await record_statement(session, statement, now)
    return statement


async def return_statement(
    session: AsyncSession,
    official: Principal,
    statement_id: UUID,
    given: ReturnCreate,
    expected: int | None,
    now: datetime,
) -> OperatingStatement:
    """Give a statement back for correction, an accepted one too; the firm submits a further revision.

    Raises:
        NotFound: No such statement.
        PreconditionFailed: `expected` is not its version.
        StatementSuperseded: A later revision stands in its place.
        StatementDecided: It was returned before.
    """
    statement = await _current(session, official, statement_id, expected)
    if statement.status == "returned":
        raise StatementDecided
    statement.status, statement.returned_at = "returned", now
    statement.returned_by, statement.returned_by_name = official.subject, official.name
    statement.return_reason = given.reason
    await record_statement(session, statement, now)
    return statement


async def _current(
    session: AsyncSession, official: Principal, statement_id: UUID, expected: int | None
) -> OperatingStatement:
    statement = await get_statement(session, official, statement_id, lock=True)
    if statement.superseded_at is not None:
        raise StatementSuperseded
    check_version(statement, expected)
    return statement
