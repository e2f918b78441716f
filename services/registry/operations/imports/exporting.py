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

from services.registry.domain.sheets.formulas import neutral
from services.registry.domain.sheets.xlsx_writing import Value, XlsxStream
from services.registry.domain.slots import Slots
from services.registry.errors import ExportsBusy
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.entity import Entity
from services.registry.operations.imports.export_kinds import Asked, Pages, StreamExport
from services.registry.queries.exports import REPORT_HEADING, Statement, as_cells, report_of
from services.registry.schemas.imports import Encoding, TableFormat
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.errors import FieldError, Unprocessable

MEDIA_TYPES: Final[dict[TableFormat, str]] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Batch = Sequence[Sequence[Value]]
_BATCH: Final = 1000
_AHEAD: Final = 16
"""Chunks read ahead of the caller."""
_NO_FILTER: Final = "此导出没有该筛选条件 / no filter of this export"


async def open_export(
    asked: Asked, slots: Slots, name: str, kind: TableFormat, encoding: Encoding
) -> AsyncGenerator[bytes]:
    """Begin an export of the rows the caller may see; the first bytes have been read when this returns.

    Args:
        asked: By whom, and narrowed to what.
        slots: Places for exports.
        name: The entity, one of the catalogue.
        kind: CSV or XLSX.
        encoding: Of a CSV; UTF-8 comes with the mark that spreadsheet programs look for.

    Raises:
        Unprocessable: A filter that this entity has not.
        ExportsBusy: So many run, in all or for this caller.
    """
    entity = ENTITIES[name]
    given = [each.name for each in fields(asked.only) if getattr(asked.only, each.name) is not None]
    strange = [
        FieldError(f"query.{each}", "filter_unknown", _NO_FILTER)
        for each in given
        if each not in entity.export.filters
    ]
    if strange:
        raise Unprocessable(errors=strange)
    return await _begun(_held(slots, asked.who, _stream(asked, entity, kind, encoding)))


def _stream(asked: Asked, entity: Entity, kind: TableFormat, encoding: Encoding) -> AsyncGenerator[bytes]:
    heading = [column.header for column in entity.columns]
    export = entity.export
    if isinstance(export, StreamExport):
        pages = _cells(entity, export.pages(asked))
        return _as_xlsx(heading, pages) if kind == "xlsx" else _written(heading, pages, encoding)
    statement = as_cells(export.rows(asked.who, asked.only), entity.columns, export.values)
    if kind == "xlsx":
        return _as_xlsx(heading, _fetched(asked.database, asked.who, statement))
    return _as_csv(asked.database, asked.who, heading, statement, encoding)


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


def _first_line(heading: Sequence[str], encoding: Encoding) -> bytes:
    return (codecs.BOM_UTF8 if encoding == "utf-8" else b"") + _lines([heading], encoding)


def _lines(rows: Batch, encoding: Encoding) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding)


async def _written(
    heading: Sequence[str], batches: AsyncGenerator[Batch], encoding: Encoding
) -> AsyncGenerator[bytes]:
    async with contextlib.aclosing(batches):
        first: Batch = await anext(batches, [])
        yield _first_line(heading, encoding) + _lines(first, encoding)
        async for rows in batches:
            yield _lines(rows, encoding)


async def _cells(entity: Entity, pages: Pages) -> AsyncGenerator[Batch]:
    names = [column.name for column in entity.columns]
    async with contextlib.aclosing(pages):
        async for page in pages:
            yield [[_cell(row.get(name)) for name in names] for row in page]


def _cell(value: Any) -> Value:
    if isinstance(value, bool):
        return str(value).lower()
    return value if value is None or isinstance(value, int | float) else neutral(str(value))


async def _as_csv(
    database: Database, who: Principal, heading: Sequence[str], statement: Statement, encoding: Encoding
) -> AsyncGenerator[bytes]:
    async with contextlib.aclosing(_copied(database, who, statement, encoding)) as rows:
        first = await anext(rows, b"")
        yield _first_line(heading, encoding) + first
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


async def _as_xlsx(heading: Sequence[str], batches: AsyncGenerator[Batch]) -> AsyncGenerator[bytes]:
    stream = XlsxStream()
    async with contextlib.aclosing(batches):
        first: Batch = await anext(batches, [])
        yield await asyncio.to_thread(stream.rows, [heading, *first])
        async for rows in batches:
            # Packing is work of some milliseconds that other requests need not wait for.
            yield await asyncio.to_thread(stream.rows, rows)
    yield stream.end()


async def _fetched(database: Database, who: Principal, statement: Statement) -> AsyncGenerator[Batch]:
    sql, values = statement
    async with database.acquire(who.db_scope, readonly=True) as connection:
        batch: list[Sequence[Value]] = []
        async for record in connection.cursor(sql, *values, prefetch=_BATCH):
            batch.append(tuple(record))
            if len(batch) == _BATCH:
                yield batch
                batch = []
        yield batch
