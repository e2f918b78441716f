"""`/v1/position-stream`: latest positions as they change, by server-sent events (WHATWG HTML §9.2)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from services.shared.auth import TokenVerifier
from services.shared.auth.verifier import expiry_of
from services.shared.boxes import InBox
from services.shared.errors import Unauthorized
from services.shared.routes import Router
from services.telemetry.api.reading import Fleet, Stated, Vehicles
from services.telemetry.operations.positions import open_stream
from services.telemetry.operations.streams import Lease, StreamFilter

router = Router(tags=["positions"])

SEND_S: Final = 20.0
"""How long a client may take nothing."""
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class EventStream(StreamingResponse):
    """An endless answer, with a place to be given back however it ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], close: Callable[[], Awaitable[None]]) -> None:
        # The second header is nginx's, for an edge other than ours.
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then give the place back."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.shield(self._close())

    async def stream_response(self, send: Send) -> None:
        """Send what comes; a client that takes nothing for a while is left."""

        async def in_time(message: Message) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        try:
            await super().stream_response(in_time)
        except TimeoutError:
            return


async def _lease(request: Request) -> Lease:
    """Give how long the token that the guard has let through lasts."""
    token = request.headers["authorization"].partition(" ")[2]
    verifier: TokenVerifier = request.app.state.verifier

    async def holds() -> bool:
        try:
            await verifier.verify(token)
        except Unauthorized:
            return False
        return True

    return Lease(expiry_of(token), holds)


async def _wanted(box: InBox, vehicles: Vehicles = [], enterprise_id: Fleet = None) -> StreamFilter:  # noqa: B006  a query parameter's default
    return StreamFilter(box, enterprise_id, frozenset(vehicles))


@router.get(
    "/v1/position-stream",
    status_code=200,
    response_class=EventStream,
    responses=_EVENTS,
    summary="实时位置 / Live positions",
)
async def stream_positions(
    asked: Stated,
    wanted: Annotated[StreamFilter, Depends(_wanted)],
    lease: Annotated[Lease, Depends(_lease)],
    request: Request,
    last_event_id: Annotated[
        str | None,
        Header(pattern=r"^\d{1,18}$", description="`id` of the last event, to go on from there."),
    ] = None,
) -> EventStream:
    """Give latest positions as they change, at most one event a second.

    An event `positions` is a FeatureCollection: first everything in view, then what has changed; `left` names
    terminals that are out of view. Comments keep the line alive every 15 s. An event `end` says why it ends:
    with its token (`token_expired`), as the caller may no longer (`no_longer_allowed`), or at a `shutdown`;
    come back with `Last-Event-ID`.
    """
    after = None if last_event_id is None else int(last_event_id)
    streams = request.app.state.streams
    stream = await open_stream(streams, request.app.state.watches, asked, wanted, after, lease)
    return EventStream(stream.events(), lambda: streams.close(stream))
