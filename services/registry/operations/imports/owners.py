"""Whose a row is: the firm whose file it is, or the one that an office's file names by its code."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.enterprises import Standing, in_force
from services.registry.domain.sheets import Column, Kind
from services.registry.models import Enterprise
from services.registry.operations.imports.entity import Row, Run
from services.registry.queries.enterprises import owners_of
from services.registry.queries.late_standings import note_standing
from services.shared.errors import FieldError
from services.shared.standards.uscc import check_uscc

OWNER: Final = Column(
    name="enterprise_uscc",
    zh="所属企业统一社会信用代码",
    kind=Kind.TEXT,
    rule="主管部门导入时必填，企业导入时可留空 / required from an office; a firm may leave it empty",
    example="91211100MA00000001",
)
UNNAMED: Final = FieldError(
    OWNER.name, "missing", "主管部门导入须填写所属企业 / an office must name the enterprise"
)
_UNKNOWN: Final = FieldError(
    OWNER.name, "enterprise_unknown", "没有这家企业，或不是本企业 / no such enterprise, or not yours"
)
Owners = Mapping[str, Enterprise]
"""The firms that rows of a file can belong to, by their codes."""


async def find_owners(session: AsyncSession, run: Run, rows: Sequence[Row]) -> Owners:
    """Return the firms that rows can belong to, as they stand now."""
    named = {named_owner(row) or "" for row in rows}
    return await owners_of(session, run.enterprise_id, named)


async def find_active_owners(session: AsyncSession, run: Run, rows: Sequence[Row]) -> Owners:
    """Return the firms that rows can belong to; an application confirms at its end that they are active."""
    owners = await find_owners(session, run, rows)
    if run.final:
        for owner in owners.values():
            if is_active(owner):
                note_standing(session, owner.id, {Standing.ACTIVE})
    return owners


def is_active(owner: Enterprise) -> bool:
    """Tell whether rows of a firm can be written: nobody suspended it, and no licence has run out."""
    return in_force(owner.status, owner.lapses) is Standing.ACTIVE


def named_owner(row: Row) -> str | None:
    """Return the owner's code in canonical form; None where none is given, empty for one that is none."""
    text = row.values.get(OWNER.name)
    return check_uscc(text).normalized or "" if text else None


def owner_of_row(run: Run, row: Row, owners: Owners) -> Enterprise | FieldError:
    """Return the firm a row belongs to, or why that cannot be told."""
    named = named_owner(row)
    if named is None:
        own = next(iter(owners.values()), None) if run.enterprise_id else None
        return own or UNNAMED
    return owners.get(named) or _UNKNOWN
