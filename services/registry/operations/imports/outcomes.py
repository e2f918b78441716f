"""Keeping what became of each row, and how far the work is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import ImportStatus
from services.registry.errors import ImportNotReady
from services.registry.models import Import, ImportRow
from services.registry.operations.imports.entity import Step
from services.shared.bulk import change_rows, insert_rows, table_of

_COLUMNS = ("import_id", "row_number", "enterprise_id", "outcome", "key", "entity_id", "faults")


async def keep_outcomes(session: AsyncSession, found: Import, steps: Sequence[Step]) -> None:
    """Add the outcomes of rows that have none yet."""
    await insert_rows(session, table_of(ImportRow), _COLUMNS, _records(found, steps))


def _records(found: Import, steps: Sequence[Step]) -> Iterator[tuple[Any, ...]]:
    return (
        (
            found.id,
            step.number,
            found.enterprise_id,
            step.outcome.value,
            step.key,
            step.entity_id,
            json.dumps([asdict(fault) for fault in step.faults], ensure_ascii=False),
        )
        for step in sorted(steps, key=lambda step: step.number)
    )


async def change_outcomes(session: AsyncSession, found: Import, steps: Sequence[Step]) -> None:
    """Write the outcomes of rows that have others, or another entity."""
    changed = ("outcome", "entity_id", "faults")
    await change_rows(session, table_of(ImportRow), _COLUMNS, _records(found, steps), changed)


async def forget_outcomes(session: AsyncSession, found: Import) -> None:
    """Delete the outcomes of a check that did not end."""
    await session.execute(delete(ImportRow).where(ImportRow.import_id == found.id))


async def note(session: AsyncSession, found: Import, status: ImportStatus, /, **values: Any) -> None:
    """Write how far an import is that still has this status.

    Raises:
        ImportNotReady: It has another: it was withdrawn or has expired meanwhile.
    """
    statement = update(Import).where(Import.id == found.id, Import.status == status.value)
    done: Any = await session.execute(statement.values(**values))
    if not done.rowcount:
        raise ImportNotReady
