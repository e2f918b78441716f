"""Densities of whole windows, counted once for all the tiles of a map and kept for a while.

A count may go through millions of fixes: one goes on at a time, in a transaction of its own, and who waits
for it holds no connection.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy.exc import DBAPIError

from services.shared.db import Database, DbScope
from services.telemetry.errors import DensitiesBusy
from services.telemetry.queries.tiles import Densities, Tile, find_densities, get_density_tile

KEPT_S: Final = 300.0
WAIT_S: Final = 5.0
"""How long a tile waits for what another one counts."""
COUNT_MS: Final = 25_000
"""How long a count may take: with the wait before it, less than the edge waits for an answer."""
_MOST_WINDOWS: Final = 16
_RETRY: Final = {"Retry-After": "5"}
_CANCELLED: Final = "57014"
"""SQLSTATE of a statement past its time."""

_Window = tuple[datetime, datetime]


class DensityMaps:
    """Counts of one process by window; offices see the same ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counting = asyncio.Lock()
        self._known: OrderedDict[_Window, tuple[float, Densities]] = OrderedDict()

    async def read_tile(self, scope: DbScope, tile: Tile, window: _Window) -> bytes:
        """Give layer `densities` of a tile over a window, at most five minutes old.

        Raises:
            DensitiesBusy: another count goes on for longer than one waits, or this one takes too long.
        """
        densities = self._find_known(window)
        if densities is None:
            async with self._turn():  # the tiles of a map come at once; one of them counts
                densities = self._find_known(window)
                if densities is None:
                    densities = await self._count(scope, window)
        async with self._database.transaction(scope, readonly=True) as session:
            return await get_density_tile(session, tile, densities)

    def _find_known(self, window: _Window) -> Densities | None:
        counted_at, densities = self._known.get(window, (0.0, None))
        return densities if _now() - counted_at <= KEPT_S else None

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._counting.acquire()
        except TimeoutError:
            raise DensitiesBusy(headers=_RETRY) from None
        try:
            yield
        finally:
            self._counting.release()

    async def _count(self, scope: DbScope, window: _Window) -> Densities:
        began = _now()
        try:
            async with self._database.transaction(scope, readonly=True) as session:
                found = await find_densities(session, *window, COUNT_MS)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _CANCELLED:
                raise
            message = "统计超时，请缩短时段 / the count took too long; a shorter window may do"
            raise DensitiesBusy(message, headers=_RETRY) from error
        self._known[window] = began, found
        self._known.move_to_end(window)
        if len(self._known) > _MOST_WINDOWS:
            self._known.popitem(last=False)
        return found


def _now() -> float:
    return asyncio.get_running_loop().time()
