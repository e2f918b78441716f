"""`POST /v1/positions`: positions over HTTP, of a terminal, a bridge or a firm's own system."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.shared.auth.guards import authenticate
from services.shared.clock import Now
from services.shared.errors import Unauthorized
from services.shared.routes import Router
from services.telemetry.operations.posting import Poster, find_poster, post_positions, poster_of
from services.telemetry.schemas.positions import PostedOut

router = Router(tags=["positions"])

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "description": "One position or up to 2,000, as over MQTT (docs/terminals.md), with"
                    " `terminal_number` in each where the sender posts for others; or one OwnTracks location;"
                    " or what Traccar forwards as JSON.",
                    "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
                },
                "example": {
                    "terminal_number": "LD-000123", "time": "2026-03-01T08:30:00+08:00", "lon": 122.07,
                    "lat": 41.12, "speed_kmh": 36.5,
                },
            }
        },
    }
}  # fmt: skip
_credentials = HTTPBearer(
    auto_error=False,
    description="A firm's token; or HTTP Basic with a terminal's number and password.",
)


async def _poster(
    request: Request,
    _: Annotated[Any, Depends(_credentials)],
) -> Poster:
    scheme, _space, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return await find_poster(request.app.state.database, value.strip())
    if scheme.lower() != "bearer":
        raise Unauthorized(headers={"WWW-Authenticate": 'Basic realm="cityfreight", Bearer'})
    token = HTTPAuthorizationCredentials(scheme=scheme, credentials=value.strip())
    return poster_of(await authenticate(request, token))


@router.post("/v1/positions", status_code=200, openapi_extra=_BODY, summary="上报位置 / Post positions")
async def create_positions(
    request: Request, poster: Annotated[Poster, Depends(_poster)], now: Now
) -> PostedOut | list[PostedOut]:
    """Store positions; the answer comes after the commit. Repeating is harmless."""
    state = request.app.state
    return await post_positions(state.database, poster, await request.body(), now, state.settings.zone.key)
