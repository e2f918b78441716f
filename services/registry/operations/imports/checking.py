"""The dry run: every row of a file read, checked, compared with what is on record; nothing is changed."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from services.registry.domain.imports import ImportStatus, Seen
from services.registry.domain.sheets import open_sheet
from services.registry.domain.sheets.reading import Line, Sheet
from services.registry.models import Import
from services.registry.operations.imports.entity import Entity, Run, importer_of
from services.registry.operations.imports.outcomes import forget_outcomes, keep_outcomes, note
from services.registry.operations.imports.pieces import drop_file, drop_rows, keep_rows, open_file
from services.registry.operations.imports.reading import read_lines, refuse_doubles
from services.registry.queries.imports import totals_of
from services.shared.db import Database
from services.shared.personal import Vault

BATCH: Final = 2000
"""Rows a statement is about."""


async def check_import(
    database: Database, vault: Vault, entity: Entity, found: Import, now: datetime
) -> None:
    """Check a file; begun again from its start when it was interrupted.

    Each batch is committed by itself, so that the progress is seen.

    Raises:
        SheetRefused: The file as a whole.
        ImportNotReady: It was withdrawn or has expired meanwhile.
    """
    async with database.transaction() as session:
        await forget_outcomes(session, found)
        await drop_rows(session, found)
        content = await open_file(session, vault, found)
    sheet = open_sheet(content, entity.columns)
    names = [column.name for column in sheet.columns]
    async with database.transaction() as session:
        begun = {"columns": names, "rows_total": sheet.stated, "rows_done": 0}
        await note(session, found, ImportStatus.CHECKING, **begun)
    done = await _check_rows(database, vault, entity, found, sheet, now)
    async with database.transaction() as session:
        totals = await totals_of(session, found.id)
        status = ImportStatus.CHECKED
        values = {"status": status.value, "rows_total": done, "totals": totals, "checked_at": now}
        await note(session, found, ImportStatus.CHECKING, **values, attempts=0)
        await drop_file(session, found)


async def _check_rows(
    database: Database, vault: Vault, entity: Entity, found: Import, sheet: Sheet, now: datetime
) -> int:
    run = Run(
        import_id=found.id,
        enterprise_id=found.enterprise_id,
        columns=frozenset(column.name for column in sheet.columns),
        now=now,
        final=False,
        who=importer_of(found),
        vault=vault,
    )
    seen, done = Seen(), 0
    for ordinal, lines in enumerate(_batches(sheet.lines)):
        rows, steps = read_lines(entity, sheet.columns, lines, seen, run)
        async with database.transaction() as session:
            planned = await entity.plan(session, run, rows)
            refuse_doubles(planned, seen)
            steps += planned
            await keep_outcomes(session, found, steps)
            await keep_rows(session, vault, found, ordinal, rows)
            done += len(lines)
            await note(session, found, ImportStatus.CHECKING, rows_done=done)
    return done


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH)):
        yield batch
