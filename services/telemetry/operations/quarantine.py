"""Quarantine on request: read and exported, on record as it says where vehicles were; judged again."""

import csv
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.errors import Forbidden
from services.shared.ids import new_id
from services.shared.locks import lock_name
from services.shared.schemas import format_instant
from services.telemetry.errors import TooManyReleases
from services.telemetry.models import QuarantinedPosition, QuarantineRelease
from services.telemetry.operations.readings import Asked, Extent, record_firms
from services.telemetry.queries.quarantine import (
    QuarantineFilter,
    check_quarantined,
    count_terminals_by_firm,
    find_next_quarantined,
    get_last_id,
    get_quarantined,
    page_quarantine,
)
from services.telemetry.queries.releases import count_open_releases
from services.telemetry.schemas.quarantine import QuarantinedOut, QuarantineReleaseCreate, ReleaseCriteria

MOST_OPEN_RELEASES: Final = 3
"""Of a firm, and of the offices together: theirs go through every firm's rows."""
ExportForm = Literal["csv", "ndjson"]
_COLUMNS: Final = tuple(QuarantinedOut.model_fields)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def read_quarantine(
    session: AsyncSession, asked: Asked, wanted: QuarantineFilter, cursor: str | None, limit: int
) -> tuple[list[QuarantinedOut], str | None]:
    """Give one page of the caller's rows, oldest first."""
    rows, following = await page_quarantine(session, asked.who, wanted, cursor, limit)
    await _record(asked, rows, _extent(wanted))
    return [_shown(row) for row in rows], following


async def read_quarantined(session: AsyncSession, asked: Asked, quarantined_id: str) -> QuarantinedOut:
    """Give one row.

    Raises:
        QuarantinedNotFound: unknown, or not the caller's.
    """
    row = await get_quarantined(session, asked.who, quarantined_id)
    await _record(asked, [row], {"terminal_number": row.terminal_number})
    return _shown(row)


async def _record(asked: Asked, rows: Sequence[QuarantinedPosition], extent: Extent) -> None:
    terminals = {(row.enterprise_id, row.terminal_number) for row in rows}
    firms = Counter(firm for firm, _ in terminals if firm is not None)
    await record_firms(asked, "quarantine", firms, extent)


def _extent(wanted: QuarantineFilter) -> dict[str, Any]:
    """Give how quarantine was narrowed; who is told of a terminal has rows of it."""
    bounds = {"from": wanted.received_from, "to": wanted.received_to}
    said = {"terminal_number": wanted.terminal_number, "reasons": list(wanted.reasons) or None}
    times = {name: format_instant(at) for name, at in bounds.items() if at is not None}
    return times | {name: value for name, value in said.items() if value is not None}


def _shown(row: QuarantinedPosition) -> QuarantinedOut:
    """Give a row as it goes out; bytes that are no UTF-8 are escaped."""
    values = {name: getattr(row, name) for name in _COLUMNS if name != "raw"}
    return QuarantinedOut.model_validate({**values, "raw": row.raw.decode("utf-8", "backslashreplace")})


async def request_release(
    session: AsyncSession, who: Principal, given: QuarantineReleaseCreate, now: datetime
) -> QuarantineRelease:
    """Ask for rows to be judged again; the worker does it.

    Raises:
        Forbidden: an office's client without a named person.
        TooManyReleases: as many of the owner's are open as may be.
        QuarantinedNotFound: a named row is unknown or not the caller's.
    """
    if who.enterprise_id is None and not who.is_official:
        raise Forbidden("须由具名工作人员办理 / a named official must decide")
    await lock_name(session, f"quarantine_releases/{who.enterprise_id}")
    if await count_open_releases(session, who.enterprise_id) >= MOST_OPEN_RELEASES:
        raise TooManyReleases(f"至多{MOST_OPEN_RELEASES}个 / at most {MOST_OPEN_RELEASES}")
    if given.ids is not None:
        await check_quarantined(session, who, given.ids)
    criteria = given.filter or ReleaseCriteria.model_construct()
    release = QuarantineRelease(
        id=new_id(),
        ids=given.ids,
        terminal_number=criteria.terminal_number,
        reasons=criteria.reasons,
        received_from=criteria.received_from,
        received_to=criteria.received_to,
        last_id=await get_last_id(session),
        requested_by=who.subject,
        requested_by_name=who.name,
        created_at=now,
    )
    session.add(release)
    await session.flush()
    await session.refresh(release)
    return release


async def export_quarantine(
    database: Database, asked: Asked, wanted: QuarantineFilter, form: ExportForm
) -> AsyncIterator[bytes]:
    """Put the export on record, then give its bytes as they are read."""
    async with database.transaction(asked.who.db_scope, readonly=True) as session:
        upto = await get_last_id(session)
        firms = await count_terminals_by_firm(session, asked.who, wanted)
    await record_firms(asked, "quarantine", firms, {**_extent(wanted), "format": form}, always=True)
    return _stream(database, asked.who, wanted, form, upto)


async def _stream(
    database: Database, who: Principal, wanted: QuarantineFilter, form: ExportForm, upto: int
) -> AsyncIterator[bytes]:
    """Give what there is up to an id; while the client reads, no connection is held."""
    write = _WRITERS[form]
    if form == "csv":
        yield (",".join(_COLUMNS) + "\r\n").encode()
    reached = 0
    while True:
        async with database.transaction(who.db_scope, readonly=True) as session:
            rows = await find_next_quarantined(session, who, wanted, reached, upto)
        if not rows:
            return
        yield write([_shown(row) for row in rows])
        reached = rows[-1].id


def _ndjson(rows: Sequence[QuarantinedOut]) -> bytes:
    return "".join(f"{row.model_dump_json()}\n" for row in rows).encode()


def _csv(rows: Sequence[QuarantinedOut]) -> bytes:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row.model_dump(mode="json").values()] for row in rows)
    return sink.getvalue().encode()


def _cell(value: Any) -> Any:
    """Give a cell; an apostrophe keeps a spreadsheet from computing it (OWASP, CSV injection)."""
    if isinstance(value, dict):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_WRITERS: Final[dict[ExportForm, Callable[[Sequence[QuarantinedOut]], bytes]]] = {
    "csv": _csv, "ndjson": _ndjson,
}  # fmt: skip
