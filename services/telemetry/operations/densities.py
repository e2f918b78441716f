"""Densities of whole windows, counted once for all the tiles of a map and kept for a while."""

import asyncio
from collections import OrderedDict
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.telemetry.queries.tiles import Densities, Tile, find_densities, get_density_tile

KEPT_S: Final = 300.0
_MOST_WINDOWS: Final = 16

_Window = tuple[datetime, datetime]


class DensityMaps:
    """Counts of one process by window; offices see the same ones."""

    def __init__(self) -> None:
        self._counting = asyncio.Lock()
        self._known: OrderedDict[_Window, tuple[float, Densities]] = OrderedDict()

    async def read_tile(self, session: AsyncSession, tile: Tile, window: _Window) -> bytes:
        """Give layer `densities` of a tile over a window, at most five minutes old."""
        return await get_density_tile(session, tile, await self._count(session, window))

    async def _count(self, session: AsyncSession, window: _Window) -> Densities:
        async with self._counting:  # the tiles of a map come at once; one of them counts
            now = asyncio.get_running_loop().time()
            found = self._known.pop(window, None)
            if found is None or now - found[0] > KEPT_S:
                found = now, await find_densities(session, *window)
            self._known[window] = found
            if len(self._known) > _MOST_WINDOWS:
                self._known.popitem(last=False)
            return found[1]
