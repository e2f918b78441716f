"""Guards: the one way a route says who may call it.

`test_architecture` walks every route and fails where neither a `Guard` nor the public list speaks.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.shared.auth.principal import Principal, Role
from services.shared.auth.verifier import TokenVerifier
from services.shared.errors import Forbidden, Unauthorized

_BEARER = HTTPBearer(auto_error=False, description="Access token of `POST /oauth/token`.")


async def authenticate(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
) -> Principal:
    """Return the caller, once a request.

    Raises:
        Unauthorized: No token, or one that does not hold.
    """
    if credentials is None:
        raise Unauthorized(headers={"WWW-Authenticate": "Bearer"})
    verifier: TokenVerifier = request.app.state.verifier
    principal = await verifier.verify(credentials.credentials)
    request.state.principal = principal
    return principal


class Guard:
    """A dependency that lets only some roles through."""

    def __init__(self, roles: frozenset[Role], scope: str | None, *, official: bool) -> None:
        self.roles = roles
        self.scope = scope
        self.official = official

    async def __call__(self, principal: Annotated[Principal, Depends(authenticate)]) -> Principal:
        """Return the principal when it may pass.

        Raises:
            Forbidden: Wrong role, missing scope, or a client where a named person must decide.
        """
        if principal.role not in self.roles:
            raise Forbidden("此角色无权调用 / this role may not call this")
        if self.scope is not None and self.scope not in principal.scopes:
            raise Forbidden(f"缺少权限范围 / missing scope: {self.scope}")
        if self.official and not principal.is_official:
            raise Forbidden("须由具名工作人员办理 / a named official must decide")
        return principal


def require(*roles: Role, scope: str | None = None, official: bool = False) -> Guard:
    """Return a guard for a route: `Annotated[Principal, Depends(require(Role.police))]`.

    Args:
        roles: Who may call.
        scope: A further right the token must carry.
        official: Only a named person, never a client alone.
    """
    return Guard(frozenset(roles), scope, official=official)
