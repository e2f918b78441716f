"""Checking tokens: an explicit algorithm, a key of our own store by `kid`, every claim validated.

Never a key from the token itself (`jwk`, `jku`, `x5u`), never another algorithm, never an unknown
critical header; `decode` alone does not look at `exp`, so the claims are validated in a second step.
"""

import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.shared.auth.principal import Principal, Role
from services.shared.auth.tokens import ALGORITHM, AUDIENCE, ISSUER, LIFETIME_S
from services.shared.auth.verified import VerifiedTokens
from services.shared.errors import Unauthorized, Unavailable

_LEEWAY_S = 60
_MAX_TOKEN = 4096
_REFRESH_S = 300
_RETRY_S = 5
_CLAIMS = jwt.JWTClaimsRegistry(
    leeway=_LEEWAY_S,
    iss={"essential": True},
    aud={"essential": True, "value": AUDIENCE},
    sub={"essential": True},
    exp={"essential": True},
    iat={"essential": True},
    role={"essential": True, "values": [role.value for role in Role]},
)

FetchJwks = Callable[[], Awaitable[dict[str, Any]]]
IsRevoked = Callable[[str], Awaitable[bool]]


class TokenVerifier:
    """Turns a bearer token into a `Principal`.

    Args:
        fetch_jwks: Gets the registry's JWKS; called at first use, for an unknown `kid` (at most
            every five seconds) and every five minutes. The last good set is kept.
        service_keys_file: Public JWKS of the services, part of the deployment.
        is_revoked: Tells whether a subject has been disabled.
    """

    def __init__(self, fetch_jwks: FetchJwks, service_keys_file: Path, is_revoked: IsRevoked) -> None:
        self._fetch_jwks = fetch_jwks
        self._is_revoked = is_revoked
        keys = json.loads(service_keys_file.read_text(encoding="utf-8"))
        self._service_keys = _by_kid(keys)
        self._access_keys: dict[str, OKPKey] = {}
        self._verified = VerifiedTokens()
        self._next_fetch = 0.0

    async def verify(self, token: str) -> Principal:
        """Return the caller a token stands for.

        Raises:
            Unauthorized: The token is malformed, forged, expired, revoked or not for us.
            Unavailable: No key set could be had yet.
        """
        kid = _kid(token)
        key = self._service_keys.get(kid) or await self._access_key(kid)
        principal = self._verified.find(token, key, time.time()) or self._check(token, kid, key)
        if await self._is_revoked(principal.subject):
            raise _refused()
        return principal

    def _check(self, token: str, kid: str, key: OKPKey) -> Principal:
        try:
            decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
            _CLAIMS.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise _refused() from error
        principal = _principal(kid, kid in self._service_keys, decoded.claims)
        self._verified.keep(token, key, decoded.claims["exp"] + _LEEWAY_S, principal)
        return principal

    async def _access_key(self, kid: str) -> OKPKey:
        now = time.monotonic()
        if now >= self._next_fetch or (kid not in self._access_keys and now >= self._retry_at()):
            await self._refresh(now)
        if kid in self._access_keys:
            return self._access_keys[kid]
        if not self._access_keys:
            raise Unavailable(headers={"Retry-After": "1"})
        raise _refused()

    def _retry_at(self) -> float:
        return self._next_fetch - _REFRESH_S + _RETRY_S

    async def _refresh(self, now: float) -> None:
        try:
            self._access_keys = _by_kid(await self._fetch_jwks())
            self._next_fetch = now + _REFRESH_S
        except (OSError, ValueError, KeyError, JoseError, Unavailable):
            # The last good set stays in use: the registry being away must not stop the others.
            self._next_fetch = now + _RETRY_S if self._access_keys else now


def expiry_of(token: str) -> float:
    """Return when a token ends, seconds of the epoch; only of one that `verify` has let through."""
    claims = token.split(".")[1]
    return float(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"])


def _by_kid(jwks: dict[str, Any]) -> dict[str, OKPKey]:
    return {key["kid"]: OKPKey.import_key(key) for key in jwks["keys"]}


def _refused() -> Unauthorized:
    return Unauthorized(headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


def _kid(token: str) -> str:
    if len(token) > _MAX_TOKEN:
        raise _refused()
    head = token.split(".", 1)[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        kid = header["kid"]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise _refused() from error
    # No extension is understood here, so a token that says one is critical is refused, whatever it names.
    if not isinstance(kid, str) or "crit" in header:
        raise _refused()
    return kid


def _principal(kid: str, from_service: bool, claims: dict[str, Any]) -> Principal:
    issuer = f"svc:{kid}" if from_service else ISSUER
    try:
        role = Role(claims["role"])
        lifetime = claims["exp"] - claims["iat"]
        if claims["iss"] != issuer or (role is Role.service) != from_service or lifetime > LIFETIME_S:
            raise _refused()
        enterprise = claims.get("enterprise_id")
        return Principal(
            subject=str(claims["sub"]),
            role=role,
            enterprise_id=UUID(enterprise) if enterprise else None,
            client_id=claims.get("client_id"),
            name=claims.get("name"),
            scopes=frozenset(str(claims.get("scope", "")).split()),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise _refused() from error
