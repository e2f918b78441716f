"""Import of areas from a GeoJSON file: one outcome a feature, all or nothing.

The same file again changes nothing.
"""

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.geometry import Fault
from services.registry.models import Area
from services.registry.operations.areas import add_version, begin_area
from services.registry.operations.publishing import publish_area
from services.registry.operations.shaping import Converted, Shaped, convert_shape, make_shape
from services.registry.queries.areas import find_area_by_code, has_same_shape
from services.registry.schemas.area_imports import (
    AreaCollection,
    AreaFeature,
    AreaImportItem,
    AreaImportOut,
    AreaProperties,
    Outcome,
)
from services.shared.auth import Principal
from services.shared.errors import FieldError, ServiceError, Unprocessable
from services.shared.faults import field_errors
from services.shared.locks import lock_name
from services.shared.standards.coordinates import Crs

_MAX_ERRORS: Final = 200
"""Errors told of one file; its items tell of each feature whether it is invalid."""


@dataclass(slots=True)
class _Row:
    """One feature on its way."""

    index: int
    properties: AreaProperties | None = None
    converted: Converted | None = None
    outcome: Outcome = "invalid"
    area_id: UUID | None = None
    mended: list[dict[str, str]] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)

    def refuse(self, member: str, code: str, message: str) -> None:
        self.outcome = "invalid"
        self.errors.append(FieldError(f"body.features.{self.index}.{member}", code, message))

    def refuse_shape(self, fault: Fault) -> None:
        member = fault.member if fault.member.startswith("geometry") else f"properties.{fault.member}"
        self.refuse(member, fault.code, fault.message)


async def import_areas(
    session: AsyncSession, who: Principal, given: AreaCollection, crs: Crs, now: datetime, *, dry_run: bool
) -> AreaImportOut:
    """Create, reshape and rename areas as a file says; a dry run stores nothing.

    A feature whose code is known and whose shape differs becomes a further version from its `valid_from` on.

    Raises:
        Unprocessable: Not in a dry run: a feature is invalid, so nothing was stored; `items` tell of each.
    """
    rows = await asyncio.to_thread(_read, given.features, crs)
    _refuse_contradictions(rows)
    # Two with the same new codes would wait for each other.
    await lock_name(session, "area_imports")
    async with session.begin_nested() as whole:
        for row in rows:
            await _apply(session, who, row, now)
        errors = [error for row in rows for error in row.errors][:_MAX_ERRORS]
        if dry_run or errors:
            await whole.rollback()
    report = _report(rows, dry_run=dry_run, stored=not (dry_run or errors))
    if errors and not dry_run:
        detail = "文件中有无效要素，未导入任何区域 / a feature is invalid, nothing was imported"
        raise Unprocessable(detail, errors=errors, extra={"items": report.model_dump(mode="json")["items"]})
    return report


def _read(features: list[Any], crs: Crs) -> list[_Row]:
    """Read, mend and convert every feature; large files take seconds, which is why it runs in a thread."""
    return [_read_feature(index, feature, crs) for index, feature in enumerate(features)]


def _read_feature(index: int, feature: Any, crs: Crs) -> _Row:
    row = _Row(index)
    try:
        found = AreaFeature.model_validate(feature)
    except ValidationError as error:
        for each in field_errors(error.errors()):
            row.refuse(each.field, each.code, each.message)
        return row
    row.properties = found.properties
    converted = convert_shape(found.shape(crs))
    if isinstance(converted, Fault):
        row.refuse_shape(converted)
    else:
        row.converted = converted
    return row


def _refuse_contradictions(rows: list[_Row]) -> None:
    """Features of one code are versions of one area and must agree about it, else no import is the last."""
    first: dict[str, tuple[str, str, bool]] = {}
    for row in rows:
        if row.properties is None:
            continue
        told = row.properties.name, row.properties.kind.value, row.properties.schematic
        if first.setdefault(row.properties.code, told) != told:
            message = "同一编码的名称、类型不一致 / features of one code differ in name, kind or schematic"
            row.refuse("properties.code", "code_contradicts", message)


async def _apply(session: AsyncSession, who: Principal, row: _Row, now: datetime) -> None:
    if row.errors or row.properties is None or row.converted is None:
        return
    shaped = await make_shape(session, row.converted)
    if isinstance(shaped, Fault):
        row.refuse_shape(shaped)
        return
    row.mended = shaped.mended
    try:
        async with session.begin_nested():
            await _apply_shape(session, who, row, row.properties, shaped, now)
    except ServiceError as error:
        row.refuse("properties", error.slug, f"{error.title_zh} / {error.title_en}")


async def _apply_shape(
    session: AsyncSession, who: Principal, row: _Row, told: AreaProperties, shaped: Shaped, now: datetime
) -> None:
    area = await find_area_by_code(session, told.code)
    interval = told.valid_from, told.valid_to
    if area is None:
        area = await begin_area(session, told.code, told.name, told.kind, now, schematic=told.schematic)
        await add_version(session, who, area, shaped, interval, now)
        row.outcome = "created"
    else:
        renamed = _rename(area, told)
        if await has_same_shape(session, area.id, shaped.ewkb, shaped.source, interval):
            row.outcome = "updated" if renamed else "unchanged"
            if renamed:
                await publish_area(session, area, now)
        else:
            await add_version(session, who, area, shaped, interval, now)
            row.outcome = "new_version"
    row.area_id = area.id


def _rename(area: Area, told: AreaProperties) -> bool:
    present = area.name, area.kind, area.schematic
    area.name, area.kind, area.schematic = told.name, told.kind.value, told.schematic
    return present != (area.name, area.kind, area.schematic)


def _report(rows: list[_Row], *, dry_run: bool, stored: bool) -> AreaImportOut:
    created = set() if stored else {row.area_id for row in rows if row.outcome == "created"}
    items = [
        AreaImportItem.model_validate(
            {
                "index": row.index,
                "code": row.properties.code if row.properties else None,
                "outcome": row.outcome,
                "area_id": None if row.area_id in created else row.area_id,
                "mended": row.mended,
                "errors": [asdict(error) for error in row.errors],
            }
        )
        for row in rows
    ]
    return AreaImportOut(dry_run=dry_run, counts=Counter(row.outcome for row in rows), items=items)
