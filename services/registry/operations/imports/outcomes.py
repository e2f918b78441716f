"""Keeping what became of each row, and how far the work is."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import ImportStatus
from services.registry.errors import ImportNotReady
from services.registry.models import Import, ImportRow
from services.registry.operations.imports.entity import Step
from services.shared.bulk import insert_rows, table_of

_COLUMNS = ("import_id", "row_number", "enterprise_id", "outcome", "key", "entity_id", "faults")


async def keep_outcomes(session: AsyncSession, found: Import, steps: Sequence[Step]) -> None:
    """Add the outcomes of rows that have none yet."""
    records = (
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
    await insert_rows(session, table_of(ImportRow), _COLUMNS, records)


async def replace_outcomes(session: AsyncSession, found: Import, steps: Sequence[Step]) -> None:
    """Write the outcomes of rows that have others."""
    numbers = [step.number for step in steps]
    statement = delete(ImportRow).where(
        ImportRow.import_id == found.id, ImportRow.row_number == func.any(numbers)
    )
    await session.execute(statement)
    await keep_outcomes(session, found, steps)


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
