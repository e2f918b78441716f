"""Running the mirror's follower for as long as a test needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.shared.db import Database
from services.shared.follow import Source, run_follower
from services.shared.follow.follower import BOOTSTRAPS, Follower
from tests.support.probe import apply, cursors, reset


@asynccontextmanager
async def following(mirror: Database, source: Source) -> AsyncIterator[None]:
    """Follow in the background; ended at the end."""
    stop = asyncio.Event()
    work = asyncio.create_task(run_follower(mirror, cursors, source, apply, stop, reset=reset))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)


async def follow_to_head(mirror: Database, source: Source) -> None:
    """Follow until nothing more comes at once."""
    follower = Follower(mirror, cursors, source, apply, reset)
    stop = asyncio.Event()
    while True:
        before = await position(mirror)
        await follower.round(stop, wait=0)
        if await position(mirror) == before:
            return


async def position(mirror: Database) -> object:
    """The stored cursor."""
    pool = await mirror.pool()
    row = await pool.fetchrow("SELECT feed_id, pos, copy_version FROM mirror.follow_cursors")
    return tuple(row) if row else None


def bootstraps() -> float:
    """How often the mirror was built from a snapshot in this process."""
    return float(BOOTSTRAPS.labels("mirror", "probe")._value.get())
