"""Enterprises by file: the transport bureau admits firms by the list, or corrects what is on record.

An admission by file is an official's decision like one about an application; the firm's client is issued by
an administrator.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing
from services.registry.domain.imports import Outcome
from services.registry.domain.standing import Turn
from services.registry.domain.verification import changed_fields
from services.registry.errors import EnterpriseRegistered
from services.registry.models import FEED, Certificate, Enterprise, EnterpriseStanding
from services.registry.operations.contacts import keep_all_contacts
from services.registry.operations.imports.enterprise_columns import COLUMNS, CONTACT, LICENCES
from services.registry.operations.imports.enterprise_parts import Known, Parts, find_known
from services.registry.operations.imports.entity import (
    About,
    Entity,
    Row,
    Run,
    Step,
    fault_of,
    refused,
)
from services.registry.operations.imports.export_kinds import TableExport
from services.registry.operations.imports.form import Form
from services.registry.operations.imports.writing import write_versions
from services.registry.operations.papers import take_papers
from services.registry.operations.publishing import enterprise_state
from services.registry.operations.resets import reset_groups_of_all
from services.registry.operations.standing import settle_enterprise
from services.registry.queries.certificates import certificates_of
from services.registry.queries.enterprises import enterprises_by_id, owners_of, standings_of_all
from services.registry.queries.exports import enterprise_values, exported_enterprises
from services.registry.schemas.enterprise_files import EnterpriseRow
from services.shared.auth import Role
from services.shared.bulk import copy_of, insert_mappings, table_of
from services.shared.errors import FieldError
from services.shared.ids import new_id

_TABLE: Final = table_of(Enterprise)
_REASON: Final = "批量导入准入 / admitted by import"
_TAKEN: Final = fault_of(EnterpriseRegistered, "uscc")
_PROPERTIES: Final = tuple(
    column.name
    for column in COLUMNS
    if column.writable and column.name in _TABLE.columns and column.name not in {"id", "uscc"}
)
"""What a row can change: what is not kept as one column of the firm it cannot."""
_WRITTEN: Final = (*_PROPERTIES, "lapses", "turns_at", "verified")
_UNKNOWN: Final = FieldError("id", "enterprise_unknown", "没有此编号的企业 / no enterprise with this id")
_MEMBERSHIP: Final = FieldError(
    "member_to",
    "days",
    "退出日期须不早于加入日期 / not without a first day, nor before it",
)
_CLOSED: Final = FieldError("id", "enterprise_closed", "该企业已注销 / this enterprise is closed")


def about(row: Row, _run: Run) -> About:
    """Return the firm's code, and its id where the row says which of several it means."""
    return About(f"{row.given.uscc} {row.values.get('id')}", row.given.uscc)


async def plan(session: AsyncSession, run: Run, rows: Sequence[Row]) -> list[Step]:
    """Compare rows with the firms on record that are not closed."""
    open_ones = await owners_of(session, None, [row.given.uscc for row in rows])
    named = await enterprises_by_id(session, {uuid for row in rows if (uuid := _id(row))})
    known = await find_known(session, run, [*open_ones.values(), *named.values()])
    return [_found(run, row, open_ones, named, known) for row in rows]


def _id(row: Row) -> UUID | None:
    try:
        return UUID(row.values.get("id") or "")
    except ValueError:
        return None


def _found(
    run: Run,
    row: Row,
    open_ones: Mapping[str, Enterprise],
    named: Mapping[UUID, Enterprise],
    known: Known,
) -> Step:
    if not row.values.get("id"):
        return _step(run, row, open_ones.get(row.given.uscc), known)
    uuid = _id(row)
    present = named.get(uuid) if uuid else None
    if present is None or present.uscc != row.given.uscc:
        return refused(row, Outcome.INVALID, _UNKNOWN, key=row.given.uscc)
    step = _step(run, row, present, known)
    if present.status == Standing.CLOSED and step.outcome is Outcome.UPDATED:
        return refused(row, Outcome.CONFLICT, _CLOSED, key=row.given.uscc)
    return step


def _step(run: Run, row: Row, present: Enterprise | None, known: Known) -> Step:
    label = row.given.uscc
    values = {name: getattr(row.given, name) for name in _PROPERTIES if name in run.columns}
    before = {name: getattr(present, name, None) for name in _PROPERTIES}
    if not _is_membership({**before, **values}):
        return refused(row, Outcome.INVALID, _MEMBERSHIP, key=label)
    parts = known.parts_of(row.given, present, changed_fields(before, values))
    if present is None and not run.final:
        return Step(row.number, Outcome.CREATED, label)
    if present is None:
        firm = _admitted(run, label, values)
        return Step(row.number, Outcome.CREATED, label, firm.id, entity=firm, beside=parts)
    if not parts.changed:
        return Step(row.number, Outcome.UNCHANGED, label, present.id)
    firm = copy_of(Enterprise, present, **values)
    return Step(row.number, Outcome.UPDATED, label, present.id, entity=firm, beside=parts)


def _is_membership(values: Mapping[str, Any]) -> bool:
    first, last = values["member_from"], values["member_to"]
    return last is None or (first is not None and first <= last)


def _admitted(run: Run, uscc: str, values: Mapping[str, object]) -> Enterprise:
    return Enterprise(
        id=new_id(),
        uscc=uscc,
        status=Standing.ACTIVE.value,
        standing_reason=_REASON,
        standing_since=run.now,
        verified={},
        is_demo=False,
        version=0,
        created_at=run.now,
        **values,
    )


async def write(session: AsyncSession, run: Run, steps: Sequence[Step]) -> None:
    """Write firms, the decisions that admit them, and their states as the API would each.

    Raises:
        RacedByAnother: One that was to be changed has been changed meanwhile.
    """
    edits = [(step.entity, step.beside.changed) for step in steps if step.outcome is Outcome.UPDATED]
    await reset_groups_of_all(session, "enterprise", edits, run.now)
    parts = {step.entity.id: step.beside for step in steps if step.entity is not None}
    firms = {step.entity.id: step.entity for step in steps if step.entity is not None}
    known = await certificates_of(session, firms)
    certificates = {
        firm.id: take_papers(firm, parts[firm.id].licences, known.get(firm.id, ()), run.who, run.now)
        for firm in firms.values()
    }
    turns = {firm.id: settle_enterprise(firm, certificates[firm.id], run.now) for firm in firms.values()}
    admitted, changed = await write_versions(session, run, _TABLE, steps, _WRITTEN, _TAKEN)
    await _decide(session, run, admitted)
    written = [*admitted, *changed]
    await _write_parts(session, run, parts, certificates, written)
    await _publish(session, run, written, turns, certificates)


async def _write_parts(
    session: AsyncSession,
    run: Run,
    parts: Mapping[UUID, Parts],
    certificates: Mapping[UUID, Sequence[Certificate]],
    written: Sequence[Enterprise],
) -> None:
    fresh = [each for firm in written for each in certificates[firm.id] if inspect(each).transient]
    await insert_mappings(session, table_of(Certificate), [*map(vars, fresh)])
    contacts = {firm.id: wanted for firm in written if (wanted := parts[firm.id].contacts) is not None}
    await keep_all_contacts(session, run.vault, contacts)


async def _publish(
    session: AsyncSession,
    run: Run,
    written: Sequence[Enterprise],
    turns: Mapping[UUID, Sequence[Turn]],
    certificates: Mapping[UUID, Sequence[Certificate]],
) -> None:
    decisions: dict[UUID, list[EnterpriseStanding]] = defaultdict(list)
    for decision in await standings_of_all(session, [firm.id for firm in written]):
        decisions[decision.enterprise_id].append(decision)
    states = (
        (
            firm.id,
            firm.version,
            enterprise_state(firm, decisions[firm.id], turns[firm.id], certificates[firm.id], run.now),
        )
        for firm in written
    )
    await FEED.record_all(session, "enterprise", states)


async def _decide(session: AsyncSession, run: Run, admitted: Sequence[Enterprise]) -> None:
    decisions = [
        EnterpriseStanding(
            id=new_id(),
            enterprise_id=firm.id,
            status=Standing.ACTIVE.value,
            reason=_REASON,
            effective_at=run.now,
            decided_by=run.who.subject,
            decided_by_name=run.who.name,
            decided_at=run.now,
        )
        for firm in admitted
    ]
    await insert_mappings(session, table_of(EnterpriseStanding), [*map(vars, decisions)])


_EXAMPLE: Final = {
    "uscc": "91110000600037341L",
    "name": "盘锦顺达城配有限公司",
    "kind": "carrier",
    "address": "盘锦市兴隆台区工业街1号",
    "contact_role": "operations",
    "contact_name": "王强",
    "contact_phone": "13900001234",
    "member_from": "2025-01-01",
    "member_to": "2027-12-31",
    "business_licence_number": "91110000600037341L",
    "business_licence_valid_to": "2040-12-31",
    "road_transport_permit_number": "211103000123",
    "road_transport_permit_valid_to": "2029-06-30",
}

ENTERPRISES: Final = Entity(
    name="enterprises",
    title=("企业", "enterprises"),
    form=Form(EnterpriseRow),
    columns=COLUMNS,
    about=about,
    plan=plan,
    write=write,
    table=_TABLE,
    export=TableExport(frozenset({"status"}), exported_enterprises, enterprise_values(CONTACT, LICENCES)),
    example=_EXAMPLE,
    roles=frozenset({Role.transport_bureau}),
    only_officials=True,
)
