"""Outgoing HTTP between services: short deadlines, own token, never on a hot path."""

from typing import Any

import httpx

from services.shared.auth.tokens import ServiceAuth
from services.shared.errors import Unavailable

_TIMEOUT = httpx.Timeout(5.0, read=35.0)


def internal_client(base_url: str, service_key: str) -> httpx.AsyncClient:
    """Return a client for another service's `/internal` routes.

    The read deadline is above the 30 s of a long poll.
    """
    return httpx.AsyncClient(base_url=base_url, auth=ServiceAuth(service_key), timeout=_TIMEOUT)


async def fetch_json(base_url: str, path: str) -> dict[str, Any]:
    """Return one public JSON document of another service.

    Raises:
        Unavailable: The service did not answer with 200 and JSON.
    """
    try:
        async with httpx.AsyncClient(base_url=base_url, timeout=5.0) as client:
            answer = await client.get(path)
            answer.raise_for_status()
            document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(headers={"Retry-After": "1"}) from error
    return document
