"""`/oauth`: the token endpoint and the key set (RFC 6749, RFC 7517)."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from services.registry.domain.token_request import FORM, OAuthError, read_token_request
from services.registry.operations.sign_in import issue_client_token
from services.registry.schemas.clients import TokenErrorOut, TokenOut
from services.shared.clock import Now
from services.shared.routes import problems
from services.shared.sessions import ReadTx

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class _OAuthRoute(APIRoute):
    """Answers errors in the form of RFC 6749 section 5.2, which every OAuth client library reads."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler."""
        handle = super().get_route_handler()

        async def handle_oauth(request: Request) -> Response:
            try:
                return await handle(request)
            except OAuthError as error:
                body = TokenErrorOut(error=error.code, error_description=error.description)
                challenge = {"WWW-Authenticate": 'Basic realm="cityfreight"'} if error.status == 401 else {}  # noqa: PLR2004 - the status itself
                return JSONResponse(body.model_dump(), error.status, {**_NO_STORE, **challenge})

        return handle_oauth


router = APIRouter(prefix="/oauth", tags=["oauth"], route_class=_OAuthRoute)

_FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string", "description": "With client_secret_post."},
                        "client_secret": {"type": "string", "description": "With client_secret_post."},
                        "scope": {
                            "type": "string",
                            "description": "Fewer than the client has; default: all.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/token",
    summary="取得访问令牌 / Get an access token",
    openapi_extra=_FORM_SCHEMA,
    responses={
        400: {"model": TokenErrorOut, "description": "RFC 6749 section 5.2"},
        401: {"model": TokenErrorOut, "description": "Client authentication failed"},
        **problems(413, 503),
    },
)
async def issue_token(request: Request, response: Response, session: ReadTx, now: Now) -> TokenOut:
    """Give a client an access token of at most ten minutes (client credentials).

    The client shows its secret by HTTP Basic (`client_secret_basic`) or in the form
    (`client_secret_post`), not both.
    """
    response.headers.update(_NO_STORE)
    asked = read_token_request(
        request.headers.get("content-type", ""), request.headers.get("authorization"), await request.body()
    )
    return await issue_client_token(session, request.app.state.issuer, asked, now)


@router.get("/jwks", summary="验签公钥 / Public keys", responses=problems(503))
async def read_jwks(request: Request, response: Response) -> dict[str, Any]:
    """Return the keys that verify access tokens (JWKS, RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    keys: dict[str, Any] = request.app.state.issuer.jwks()
    return keys
