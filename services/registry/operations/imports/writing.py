"""The set-based write that entities share: new rows, changed rows, and who lost its place meanwhile."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import Outcome
from services.registry.errors import RacedByAnother
from services.registry.operations.imports.entity import Run, Step
from services.shared.bulk import insert_untaken, update_versions
from services.shared.errors import FieldError


async def write_versions(
    session: AsyncSession,
    run: Run,
    table: Table,
    steps: Sequence[Step],
    columns: Collection[str],
    taken: FieldError,
) -> tuple[list[Any], list[Any]]:
    """Write the steps that create or update at their next version; return what was added and what changed.

    A step whose place was taken meanwhile becomes a conflict.

    Args:
        session: Of the application.
        run: As of when.
        table: Of the entities.
        steps: Of one batch.
        columns: What an update may change, beside version and time.
        taken: What is said of a place that was taken.

    Raises:
        RacedByAnother: One that was to be changed has been changed meanwhile.
    """
    created = [step for step in steps if step.outcome is Outcome.CREATED]
    updated = [step.entity for step in steps if step.outcome is Outcome.UPDATED]
    for entity in (*(step.entity for step in created), *updated):
        entity.version += 1
        entity.updated_at = run.now
    added = await insert_untaken(session, table, [vars(step.entity) for step in created])
    for step in created:
        if step.entity_id not in added:
            step.outcome, step.entity_id, step.faults = Outcome.CONFLICT, None, (taken,)
    changed = await update_versions(
        session, table, [*map(vars, updated)], (*columns, "version", "updated_at")
    )
    if changed != len(updated):
        raise RacedByAnother
    return [step.entity for step in created if step.outcome is Outcome.CREATED], updated
