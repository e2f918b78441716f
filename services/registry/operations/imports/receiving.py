"""What a party does with an import: hand a file in, have it applied, take it back."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import KEEP, MAX_OPEN, REFUSED, ImportStatus
from services.registry.domain.sheets import SheetFormat, SheetRefused, format_of
from services.registry.domain.sheets.limits import MAX_BYTES
from services.registry.errors import FileRefused, ImportNotReady, RowsRefused, TooManyImports
from services.registry.models import Import, ImportRow
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.ending import end_import
from services.registry.operations.imports.pieces import keep_file
from services.registry.queries.enterprises import get_writing_enterprise
from services.registry.queries.imports import count_open_imports, get_import, refused_rows
from services.registry.schemas.imports import ApplicationCreate
from services.shared.auth import Principal
from services.shared.errors import FieldError, Forbidden, PayloadTooLarge, UnsupportedMediaType
from services.shared.ids import new_id
from services.shared.personal import Vault
from services.shared.writing import write

MEDIA_TYPES: Final[dict[str, SheetFormat]] = {
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_SHOWN: Final = 100
"""Refused rows that a refusal names; the others are in the list of rows."""


async def receive_import(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    name: str,
    declared: str,
    content: bytes,
    now: datetime,
) -> Import:
    """Take a file in; the worker checks it.

    Args:
        session: Of the request.
        vault: Seals the file.
        who: A firm, for itself, or an office.
        name: The entity, one of the catalogue.
        declared: The media type without parameters.
        content: The file.
        now: The present instant.

    Raises:
        Forbidden: The role may not import this entity, or a named official must decide.
        EnterpriseSuspended: The firm is not active.
        UnsupportedMediaType: Neither CSV nor XLSX was declared.
        PayloadTooLarge: More than 32 MiB.
        FileRefused: The bytes are not what was declared.
        TooManyImports: So many are open.
    """
    _check_right(who, name)
    if who.enterprise_id is not None:
        await get_writing_enterprise(session, who.enterprise_id)
    kind = _checked(declared, content)
    if await count_open_imports(session, who) >= MAX_OPEN:
        raise TooManyImports
    found = Import(
        id=new_id(),
        entity=name,
        enterprise_id=who.enterprise_id,
        status=ImportStatus.CHECKING.value,
        format=kind,
        size_bytes=len(content),
        columns=[],
        rows_done=0,
        totals={},
        attempts=0,
        role=who.role.value,
        created_by=who.subject,
        created_by_name=who.name,
        created_at=now,
        expires_at=now + KEEP,
        skip_refused=False,
    )
    session.add(found)
    await write(session, {})
    await keep_file(session, vault, found, content)
    return found


def _check_right(who: Principal, name: str) -> None:
    entity = ENTITIES[name]
    if who.role not in entity.roles:
        raise Forbidden("此角色不能导入此类数据 / this role may not import these")
    if entity.only_officials and who.is_bureau and not who.is_official:
        raise Forbidden("须由具名工作人员办理 / a named official must decide")


def _checked(declared: str, content: bytes) -> SheetFormat:
    kind = MEDIA_TYPES.get(declared)
    if kind is None:
        raise UnsupportedMediaType("仅接受 CSV 和 XLSX / only CSV and XLSX are taken")
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge("文件不得超过 32 MiB / at most 32 MiB")
    try:
        present = format_of(content)
    except SheetRefused as refusal:
        fault = FieldError("body", refusal.reason.code, f"{refusal.reason.zh} / {refusal.reason.en}")
        raise FileRefused(fault.message, errors=[fault]) from refusal
    if present != kind:
        message = f"声明为 {kind}，实为 {present} / declared as {kind}, is {present}"
        raise FileRefused(message, errors=[FieldError("header.Content-Type", "content_other", message)])
    return kind


async def request_application(
    session: AsyncSession, who: Principal, import_id: UUID, given: ApplicationCreate
) -> Import:
    """Have a checked import applied by the worker; one that is being or has been applied stays as it is.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: Another party handed it in, or a named official must decide.
        EnterpriseSuspended: The firm is not active.
        ImportNotReady: It is not checked yet or has ended otherwise.
        RowsRefused: Rows are refused and `skip_refused` was not said; the first of them are named.
    """
    found = await _own_import(session, who, import_id)
    _check_right(who, found.entity)
    if found.status in {ImportStatus.APPLYING, ImportStatus.APPLIED}:
        return found
    if found.status != ImportStatus.CHECKED:
        raise ImportNotReady
    if who.enterprise_id is not None:
        await get_writing_enterprise(session, who.enterprise_id)
    if not given.skip_refused and sum(found.totals[outcome.value] for outcome in REFUSED):
        raise RowsRefused(errors=[_named(row) for row in await refused_rows(session, found.id, _SHOWN)])
    found.status, found.attempts, found.rows_done = ImportStatus.APPLYING.value, 0, 0
    found.skip_refused, found.reason_code, found.reason_text = given.skip_refused, None, None
    found.applied_by, found.applied_by_name = who.subject, who.name
    await write(session, {})
    return found


async def _own_import(session: AsyncSession, who: Principal, import_id: UUID) -> Import:
    """Return an import that the caller, or a colleague, has handed in; others may look at it only."""
    found = await get_import(session, who, import_id, lock=True)
    if (who.role.value, who.enterprise_id) != (found.role, found.enterprise_id):
        raise Forbidden("须由提交方办理 / only the party that handed it in may do this")
    return found


def _named(row: ImportRow) -> FieldError:
    first = row.faults[0]
    return FieldError(f"rows.{row.row_number}.{first['field']}", first["code"], first["message"])


async def withdraw_import(
    session: AsyncSession, vault: Vault, who: Principal, import_id: UUID, now: datetime
) -> Import:
    """Take a checked import back: its bytes are destroyed, nothing is applied.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: Another party handed it in.
        ImportNotReady: It is being worked on, or has ended.
    """
    found = await _own_import(session, who, import_id)
    if found.status == ImportStatus.WITHDRAWN:
        return found
    if found.status != ImportStatus.CHECKED:
        raise ImportNotReady
    await end_import(session, vault, found, ImportStatus.WITHDRAWN, now)
    return found
