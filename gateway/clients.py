"""HTTP to the services on the left: are they ready."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import httpx

from services.shared.errors import ServiceError

_TIMEOUT = httpx.Timeout(2.0)


class PlatformHealth:
    """Which services are ready, asked anew at most every `keep_seconds`.

    Args:
        urls: Base URL by service.
        own: Raises while this process is not ready itself.
        keep_seconds: How long an answer is kept; the route is public.
    """

    def __init__(
        self, urls: Mapping[str, str], own: Callable[[], Awaitable[None]], keep_seconds: float
    ) -> None:
        self._urls = urls
        self._own = own
        self._keep = keep_seconds
        self._known: dict[str, str] = {}
        self._until = float("-inf")
        self._asking = asyncio.Lock()

    async def services(self) -> dict[str, str]:
        """Return `ok` or `unavailable` by service, the gateway among them."""
        async with self._asking:
            if time.monotonic() >= self._until:
                self._known = await self._ask()
                self._until = time.monotonic() + self._keep
        return self._known

    async def _ask(self) -> dict[str, str]:
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            ready = await asyncio.gather(*(_ready(client, url) for url in self._urls.values()), self._ready())
        return {
            name: "ok" if up else "unavailable"
            for name, up in zip((*self._urls, "gateway"), ready, strict=True)
        }

    async def _ready(self) -> bool:
        try:
            await self._own()
        except (ServiceError, OSError):
            return False
        return True


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK
