"""Waiting with a deadline, for tests of real processes."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

_PAUSE_S = 0.02


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Block until `holds()`; for tests without a loop.

    Raises:
        AssertionError: It did not within the time.
    """
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        pause.wait(_PAUSE_S)


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    """Wait until `await holds()`.

    Raises:
        AssertionError: It did not within the time.
    """
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(_PAUSE_S)
