"""A deadline for request bodies: a client that drips loses its place, a slow line keeps it.

nginx times the gap between two reads of a body, not the whole of it, so one byte every few seconds would
hold a connection for days. The edge therefore passes bodies on as they come, and this middleware holds
their rate.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

GRACE_SECONDS = 8.0
BYTES_PER_SECOND = 4096


class BodyDeadline:
    """Ends a request whose body is late: 8 s for the first byte and any small body, and 4 KiB/s beyond.

    Only time spent waiting for the body counts; what the application does in between does not. A body already
    read to its end is never timed, so long polls and streams of answers are left alone.
    """

    def __init__(self, app: ASGIApp, *, grace: float = GRACE_SECONDS, rate: int = BYTES_PER_SECOND) -> None:
        self._app = app
        self._grace = grace
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        clock = asyncio.get_running_loop().time
        waited, taken, complete = 0.0, 0, False

        async def timed() -> Message:
            nonlocal waited, taken, complete
            if complete:
                return await receive()
            began = clock()
            try:
                # Not wait_for: before Python 3.12 it may swallow a cancellation.
                async with asyncio.timeout(max(0.0, self._grace + taken / self._rate - waited)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers={"Connection": "close"}) from None
            waited += clock() - began
            taken += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, timed, send)
