"""The application: a checked file, planned anew against the present state, written in one transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.imports import REFUSED, ImportStatus, Seen
from services.registry.errors import EnterpriseSuspended, ImportNotReady, RowsRefused
from services.registry.models import Import
from services.registry.operations.imports.ending import end_import
from services.registry.operations.imports.entity import Entity, Run, Step, importer_of
from services.registry.operations.imports.outcomes import change_outcomes, note
from services.registry.operations.imports.pieces import open_rows
from services.registry.operations.imports.reading import refuse_doubles
from services.registry.queries.imports import find_import_for_update, lock_known, totals_of
from services.registry.queries.late_standings import confirm_late, confirm_standings
from services.shared.db import Database
from services.shared.personal import Vault


async def apply_import(
    database: Database, vault: Vault, entity: Entity, found: Import, now: datetime
) -> None:
    """Apply a file, or nothing of it.

    Where rows are refused that nobody said to leave out, or a firm of its rows is suspended while they are
    written, nothing is changed and the import is checked again. No firm is held but for the commit.

    Raises:
        ImportDamaged: What was kept of it cannot be read.
        ImportNotReady: It has ended meanwhile.
        RacedByAnother: Another change came between; nothing was done and it may be begun again.
    """
    try:
        async with database.transaction() as session:
            confirm_late(session)
            await _write_rows(session, database, vault, entity, found, now)
            await _end(session, vault, found, now)
            await confirm_standings(session)
    except (RowsRefused, EnterpriseSuspended):
        await _check_again(database, vault, entity, found, now)


async def _write_rows(
    session: AsyncSession, database: Database, vault: Vault, entity: Entity, found: Import, now: datetime
) -> None:
    # Who waits for one of these rows then holds nothing that this transaction will wait for.
    await lock_known(session, entity.table, found.id)
    run, seen, done = _run(vault, found, now, final=True), Seen(), 0
    async for rows in open_rows(session, vault, found, entity):
        steps = await entity.plan(session, run, rows)
        refuse_doubles(steps, seen)
        await entity.write(session, run, steps)
        if not found.skip_refused and _refused(steps):
            raise RowsRefused
        await change_outcomes(session, found, steps)
        done += len(rows)
        # Another transaction's, so that it is seen before this one ends.
        async with database.transaction() as apart:
            await note(apart, found, ImportStatus.APPLYING, rows_done=done)


def _run(vault: Vault, found: Import, now: datetime, *, final: bool) -> Run:
    return Run(
        import_id=found.id,
        enterprise_id=found.enterprise_id,
        columns=frozenset(found.columns),
        now=now,
        final=final,
        who=importer_of(found),
        vault=vault,
    )


def _refused(steps: Sequence[Step]) -> bool:
    return any(step.outcome in REFUSED for step in steps)


async def _end(session: AsyncSession, vault: Vault, found: Import, now: datetime) -> None:
    locked = await find_import_for_update(session, found.id)
    if locked is None or locked.status != ImportStatus.APPLYING:
        raise ImportNotReady
    locked.totals = await totals_of(session, found.id)
    locked.applied_at, locked.rows_done = now, locked.rows_total or 0
    await end_import(session, vault, locked, ImportStatus.APPLIED, now)


async def _check_again(
    database: Database, vault: Vault, entity: Entity, found: Import, now: datetime
) -> None:
    """Write what would become of each row now, and leave it to the person to decide."""
    run, seen = _run(vault, found, now, final=False), Seen()
    async with database.transaction() as reading:
        async for rows in open_rows(reading, vault, found, entity):
            async with database.transaction() as session:
                await note(session, found, ImportStatus.APPLYING, rows_done=found.rows_total)
                steps = await entity.plan(session, run, rows)
                refuse_doubles(steps, seen)
                await change_outcomes(session, found, steps)
    async with database.transaction() as session:
        values = {"status": ImportStatus.CHECKED.value, "checked_at": now, "rows_done": found.rows_total}
        reason = {
            "reason_code": RowsRefused.slug,
            "reason_text": f"{RowsRefused.title_zh} / {RowsRefused.title_en}",
        }
        totals = await totals_of(session, found.id)
        await note(session, found, ImportStatus.APPLYING, **values, **reason, totals=totals, attempts=0)
