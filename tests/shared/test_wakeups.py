"""A long poll ends with its caller: it must not hold up the end of the process."""

import asyncio
import time

from starlette.requests import Request
from starlette.types import Message

from services.shared.changes.wakeups import Wakeups

LONG_S = 30.0


def _request(hung_up: asyncio.Event) -> Request:
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": []}, receive)


async def test_a_poll_ends_when_its_caller_hangs_up() -> None:
    hung_up = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, hung_up.set)
    began = time.monotonic()
    assert not await Wakeups("any").pause(asyncio.Event(), _request(hung_up), LONG_S)
    assert time.monotonic() - began < LONG_S / 10


async def test_a_poll_goes_on_when_woken_and_when_time_is_up() -> None:
    woken = asyncio.Event()
    request = _request(asyncio.Event())
    assert await Wakeups("any").pause(woken, request, 0.01)
    woken.set()
    assert await Wakeups("any").pause(woken, request, LONG_S)
