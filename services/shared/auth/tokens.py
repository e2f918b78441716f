"""Making tokens: access tokens by the registry, short service tokens by every service.

EdDSA (Ed25519) JWTs, RFC 7519; a token lives at most ten minutes.
"""

import json
import time
from collections.abc import Generator
from secrets import token_urlsafe
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OKPKey

from services.shared.auth.principal import Principal

ISSUER = "cityfreight"
AUDIENCE = "cityfreight"
ALGORITHM = "Ed25519"
LIFETIME_S = 600
_SERVICE_LIFETIME_S = 60


def load_key(jwk: str) -> OKPKey:
    """Return the Ed25519 key of a JWK in JSON."""
    return OKPKey.import_key(json.loads(jwk))


def generate_key(kid: str) -> dict[str, Any]:
    """Return a new private Ed25519 JWK named `kid`."""
    key = OKPKey.generate_key("Ed25519", private=True)
    return {**key.as_dict(private=True), "kid": kid, "alg": ALGORITHM, "use": "sig"}


def public_part(jwk: dict[str, Any]) -> dict[str, Any]:
    """Return the public half of a private JWK, fit for a JWKS."""
    return {name: value for name, value in jwk.items() if name != "d"}


def _sign(key: OKPKey, claims: dict[str, Any]) -> str:
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


class AccessTokenIssuer:
    """Signs access tokens with the registry's key."""

    def __init__(self, signing_key: str) -> None:
        self._key = load_key(signing_key)

    def jwks(self) -> dict[str, Any]:
        """Return the public key set to publish."""
        public = {**self._key.as_dict(private=False), "kid": self._key.kid, "alg": ALGORITHM, "use": "sig"}
        return {"keys": [public]}

    def issue(self, principal: Principal, *, at: float | None = None) -> tuple[str, int]:
        """Return a token for `principal` and its lifetime in seconds."""
        now = int(at if at is not None else time.time())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": principal.subject,
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": token_urlsafe(12),
            "role": principal.role.value,
            "scope": " ".join(sorted(principal.scopes)),
        }
        optional = {
            "client_id": principal.client_id,
            "name": principal.name,
            "enterprise_id": str(principal.enterprise_id) if principal.enterprise_id else None,
        }
        claims.update({name: value for name, value in optional.items() if value is not None})
        return _sign(self._key, claims), LIFETIME_S


class ServiceAuth(httpx.Auth):
    """Puts this service's own short token on outgoing internal calls; renewed before it ends."""

    def __init__(self, service_key: str) -> None:
        self._key = load_key(service_key)
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """Return a valid token, made anew in the second half of the old one's life."""
        now = time.time()
        if now >= self._renew_at:
            name = str(self._key.kid)
            claims = {
                "iss": f"svc:{name}",
                "aud": AUDIENCE,
                "sub": f"svc:{name}",
                "iat": int(now),
                "exp": int(now) + _SERVICE_LIFETIME_S,
                "role": "service",
            }
            self._token = _sign(self._key, claims)
            self._renew_at = now + _SERVICE_LIFETIME_S / 2
        return self._token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the Authorization header."""
        request.headers["Authorization"] = f"Bearer {self.token()}"
        yield request
