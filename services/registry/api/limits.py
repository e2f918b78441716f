"""Rate limits of the routes open to everyone: a token bucket for each address, in memory."""

import ipaddress
import time

from fastapi import Request

from services.registry.domain.buckets import Buckets
from services.shared.errors import TooManyRequests

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(request: Request) -> str:
    """Return the caller's address; IPv6 by its /64, which one household or server commands whole.

    `X-Real-IP` counts only from the edge's networks: anyone else could write what he likes.
    """
    edges: tuple[Network, ...] = request.app.state.edge_networks
    peer = request.client.host if request.client else ""
    given = request.headers.get("x-real-ip", "")
    return _group(given if given and _is_edge(peer, edges) else peer)


def parse_networks(given: str) -> tuple[Network, ...]:
    """Return the networks of a comma-separated list of CIDRs."""
    return tuple(ipaddress.ip_network(part.strip()) for part in given.split(",") if part.strip())


def _is_edge(peer: str, edges: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in edges)


def _group(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004 - the protocol's own number
        return str(address)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or ipaddress.ip_network((address, 64), strict=False))


class Limit:
    """A dependency that lets an address act at the rate of the app's bucket of this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, request: Request) -> None:
        """Count this request.

        Raises:
            TooManyRequests: Past the rate, with `Retry-After`.
        """
        buckets: Buckets = request.app.state.buckets[self._name]
        wait = buckets.take(client_address(request), time.monotonic())
        if wait:
            raise TooManyRequests(headers={"Retry-After": str(wait)})


open_to_everyone = Limit("public")
sign_in = Limit("sign_in")
complain = Limit("complaints")
