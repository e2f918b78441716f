"""HTTP to the left: the latest positions of telemetry."""

from collections.abc import AsyncIterator
from uuid import UUID

import httpx
from pydantic import BaseModel, Field

from services.matching.domain.roster import Fix
from services.shared.schemas import Event, Instant

_LIMIT = 5000
_MOST_PAGES = 1000


class _Item(Event):
    vehicle_id: UUID
    time: Instant
    lon: float
    lat: float


class _Answer(BaseModel):
    items: list[_Item]
    next_after: str = Field(max_length=100)


class LatestPositions:
    """Reads what changed since the last poll; the first poll reads everything.

    Args:
        client: `internal_client` to telemetry.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._after: str | None = None

    async def pages(self) -> AsyncIterator[list[Fix]]:
        """Yield the positions that changed, page after page until there are no more.

        What was yielded is not read again, so the caller takes each page in before it asks for the next.

        Raises:
            httpx.HTTPError: Telemetry did not answer; the next poll goes on where this one stopped.
            ValueError: It answered what cannot be read.
        """
        for _ in range(_MOST_PAGES):
            answer = await self._page()
            if answer.next_after == self._after:
                return
            self._after = answer.next_after
            yield [Fix(item.vehicle_id, item.time, item.lon, item.lat) for item in answer.items]

    async def _page(self) -> _Answer:
        params: dict[str, str | int] = {"limit": _LIMIT} | ({"after": self._after} if self._after else {})
        response = await self._client.get("/internal/v1/latest-positions", params=params, timeout=5)
        response.raise_for_status()
        return _Answer.model_validate_json(response.content)
