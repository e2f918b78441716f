"""The worker's part in imports: an importer for each that waits, one after the other, and an eye on it."""

import asyncio
import contextlib
import signal
import sys
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.registry.operations.imports.ending import expire_import, fail_import
from services.registry.operations.imports.working import TOO_LONG
from services.registry.queries.imports import find_waiting_import, is_importer_at_work
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import get_log
from services.shared.personal import Vault

POLL_S = 0.5
_PAUSE_S = 5.0
LONGEST_S = 1800.0
"""Wall time of one importer; its time of the processor has a limit of its own."""
_END_S = 5.0


async def run_imports(database: Database, vault: Vault, stop: asyncio.Event) -> None:
    """Have every import that waits worked on until `stop` is set; a database that is away is waited for."""
    log = get_log("imports")
    while not stop.is_set():
        pause = POLL_S
        try:
            waiting = await _next(database)
            if waiting is not None:
                pause = await _work_on(database, vault, waiting, stop)
        except (OSError, DBAPIError, PoolTimeout) as error:
            log.warning("imports_wait_for_database", error=type(error).__name__)
            pause = _PAUSE_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)


async def _next(database: Database) -> UUID | None:
    async with database.transaction() as session:
        return None if await is_importer_at_work(session) else await find_waiting_import(session)


async def _work_on(database: Database, vault: Vault, import_id: UUID, stop: asyncio.Event) -> float:
    """Run an importer to its end; return how long to wait before the next."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.registry.consumers.importer", str(import_id)
    )
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({ended, stopped}, timeout=LONGEST_S, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and ended.result() == 0:
            return 0.0
        late = not ended.done() and not stop.is_set()
        await _end(process, ended)
    finally:
        stopped.cancel()
    status = process.returncode
    get_log("imports").warning("importer_ended", import_id=str(import_id), status=status, late=late)
    if late or status == -signal.SIGXCPU:
        async with database.transaction() as session:
            await fail_import(session, vault, import_id, TOO_LONG, utc_now())
    return _PAUSE_S


async def _end(process: asyncio.subprocess.Process, ended: "asyncio.Task[int]") -> None:
    """End an importer that still runs; at any instant, nothing is half done."""
    if not ended.done():
        process.terminate()
        await asyncio.wait({ended}, timeout=_END_S)
    if not ended.done():
        process.kill()
    await ended


async def expire_imports(database: Database, vault: Vault) -> None:
    """End every import whose time is up."""
    expired = True
    while expired:
        async with database.transaction() as session:
            expired = await expire_import(session, vault, utc_now())
