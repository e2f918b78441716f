"""Slow clients, each from a loopback address of its own, in a process of their own.

`python -m tests.support.slow_attack <address:port> <slow headers> <dripping bodies> <patience s>` prints a
JSON list: the seconds each connection lived, null where it was never closed. The bodies are dripped at the
two routes open to everyone, in turn; many addresses, because the edge limits how often one may ask for those.
"""

import asyncio
import contextlib
import json
import os
import sys
import time

HEADER = b"GET /v1/vehicles HTTP/1.1\r\nHost: a\r\nX-Slow: "
_FORM = (
    b"POST /oauth/token HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
)
_JSON = (
    b"POST /v1/enterprise-applications HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
)
BODIES = (_FORM, _JSON)


def _elsewhere(number: int) -> str:
    return f"127.0.{1 + number // 200}.{1 + number % 200}"


async def drip(address: str, source: str, opening: bytes, drop: bytes, patience: float) -> float | None:
    """Sends one drop a second; seconds until the edge closed, None if it did not within the patience."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
    began = time.monotonic()
    closed = asyncio.create_task(_until_closed(reader))
    try:
        with contextlib.suppress(OSError):
            writer.write(opening)
            while not closed.done() and time.monotonic() - began < patience:
                writer.write(drop)
                await writer.drain()
                await asyncio.wait([closed], timeout=1.0)
        return time.monotonic() - began if closed.done() or writer.transport.is_closing() else None
    finally:
        closed.cancel()
        writer.close()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


async def attack(address: str, headers: int, bodies: int, patience: float) -> list[float | None]:
    """Opens all at once; how long each lived."""
    slow = [drip(address, _elsewhere(n), HEADER, b"x", patience) for n in range(headers)]
    dripping = [
        drip(address, _elsewhere(n), BODIES[n % len(BODIES)], b"[", patience)
        for n in range(headers, headers + bodies)
    ]
    return await asyncio.gather(*slow, *dripping)


if __name__ == "__main__":
    os.nice(19)  # an attacker is elsewhere: it takes connections from the platform, not its processors
    where, of_headers, of_bodies, seconds = sys.argv[1:]
    lives = asyncio.run(attack(where, int(of_headers), int(of_bodies), float(seconds)))
    print(json.dumps(lives))  # noqa: T201 - its output
