"""Exports and reports: rows streamed to the caller as they are read, in memory that does not grow."""

import asyncio
import codecs
import contextlib
import csv
import io
from collections.abc import AsyncGenerator, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from services.registry.domain.sheets.xlsx_writing import XlsxStream
from services.registry.domain.slots import Slots
from services.registry.errors import ExportsBusy
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.queries.exports import REPORT_HEADING, ExportFilter, Statement, as_cells, report_of
from services.registry.schemas.imports import Encoding, TableFormat
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.errors import FieldError, Unprocessable

MEDIA_TYPES: Final[dict[TableFormat, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BATCH: Final = 1000
_AHEAD: Final = 16
"""Chunks read ahead of the caller."""
_NO_FILTER: Final = "此导出没有该筛选条件 / no filter of this export"


async def open_export(
    database: Database,
    slots: Slots,
    who: Principal,
    name: str,
    only: ExportFilter,
    kind: TableFormat,
    encoding: Encoding,
) -> AsyncGenerator[bytes]:
    """Begin an export of the rows the caller may see; the first bytes have been read when this returns.

    Args:
        database: Read in a transaction of its own, under the caller's row-level security.
        slots: Places for exports.
        who: The caller.
        name: The entity, one of the catalogue.
        only: What it is narrowed to.
        kind: CSV or XLSX.
        encoding: Of a CSV; UTF-8 comes with the mark that spreadsheet programs look for.

    Raises:
        Unprocessable: A filter that this entity has not.
        ExportsBusy: So many run, in all or for this caller.
    """
    entity = ENTITIES[name]
    given = [each.name for each in fields(only) if getattr(only, each.name) is not None]
    strange = [
        FieldError(f"query.{name}", "filter_unknown", _NO_FILTER)
        for name in given
        if name not in entity.filters
    ]
    if strange:
        raise Unprocessable(errors=strange)
    statement = as_cells(entity.exported(who, only), entity.columns, entity.values)
    heading = [column.header for column in entity.columns]
    if kind == "csv":
        stream = _as_csv(database, who, heading, statement, encoding)
    else:
        stream = _as_xlsx(database, who, heading, statement)
    return await _begun(_held(slots, who, stream))


async def stream_report(
    database: Database, slots: Slots, who: Principal, import_id: UUID, encoding: Encoding
) -> AsyncGenerator[bytes]:
    """Begin the CSV of an import's outcomes; the caller may see it.

    Raises:
        ExportsBusy: So many run, in all or for this caller.
    """
    stream = _as_csv(database, who, REPORT_HEADING, report_of(import_id), encoding)
    return await _begun(_held(slots, who, stream))


async def _begun(stream: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Read the first bytes, so that what fails becomes an answer and no broken file."""
    first = await anext(stream)

    async def all_of_it() -> AsyncGenerator[bytes]:
        async with contextlib.aclosing(stream):
            yield first
            async for data in stream:
                yield data

    return all_of_it()


async def _held(slots: Slots, who: Principal, stream: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    party = str(who.enterprise_id or who.subject)
    if not slots.take(party):
        raise ExportsBusy(headers={"Retry-After": "5"})
    try:
        async with contextlib.aclosing(stream):
            async for data in stream:
                yield data
    finally:
        slots.give_back(party)


async def _as_csv(
    database: Database, who: Principal, heading: Sequence[str], statement: Statement, encoding: Encoding
) -> AsyncGenerator[bytes]:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(heading)
    mark = codecs.BOM_UTF8 if encoding == "utf-8" else b""
    async with contextlib.aclosing(_copied(database, who, statement, encoding)) as rows:
        first = await anext(rows, b"")
        yield mark + text.getvalue().encode(encoding) + first
        async for data in rows:
            yield data


async def _copied(
    database: Database, who: Principal, statement: Statement, encoding: Encoding
) -> AsyncGenerator[bytes]:
    """Yield what PostgreSQL sends, as fast as it is taken and no faster."""
    chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
    room = asyncio.Semaphore(_AHEAD)
    sql, values = statement

    async def put(data: Any) -> None:
        await room.acquire()
        chunks.put_nowait(bytes(data))

    async def copy() -> None:
        try:
            async with database.acquire(who.db_scope, readonly=True) as connection:
                await connection.copy_from_query(sql, *values, output=put, format="csv", encoding=encoding)
        finally:
            chunks.put_nowait(None)

    copying = asyncio.create_task(copy())
    try:
        while (data := await chunks.get()) is not None:
            room.release()
            yield data
        await copying
    finally:
        copying.cancel()
        await asyncio.wait({copying})


async def _as_xlsx(
    database: Database, who: Principal, heading: Sequence[str], statement: Statement
) -> AsyncGenerator[bytes]:
    stream = XlsxStream()
    sql, values = statement
    async with database.acquire(who.db_scope, readonly=True) as connection:
        batch: list[Any] = [heading]
        async for record in connection.cursor(sql, *values, prefetch=_BATCH):
            batch.append(record)
            if len(batch) == _BATCH:
                # Packing is work of some milliseconds that other requests need not wait for.
                yield await asyncio.to_thread(stream.rows, batch)
                batch = []
        yield stream.rows(batch)
    yield stream.end()
