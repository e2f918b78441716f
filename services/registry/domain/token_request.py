"""Reading a request to the token endpoint (RFC 6749 sections 2.3.1, 3.2, 4.4, 5.2)."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote_plus

ErrorCode = Literal["invalid_request", "invalid_client", "unsupported_grant_type", "invalid_scope"]

FORM: Final = "application/x-www-form-urlencoded"
_KNOWN: Final = ("grant_type", "client_id", "client_secret", "scope")
_MAX_FIELDS: Final = 20


class OAuthError(Exception):
    """An error of section 5.2; `description` is for the developer and names no value of the request."""

    def __init__(self, code: ErrorCode, description: str) -> None:
        super().__init__(code)
        self.code: ErrorCode = code
        self.description = description

    @property
    def status(self) -> int:
        """401 for a failed client authentication, else 400."""
        return 401 if self.code == "invalid_client" else 400


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredentials:
    """What a client shows."""

    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request of the client-credentials grant; `scopes` are those asked for, empty for all there are."""

    credentials: ClientCredentials
    scopes: tuple[str, ...]


def read_token_request(content_type: str, authorization: str | None, body: bytes) -> TokenRequest:
    """Return what a client-credentials request shows, in the header or the form, and asks for.

    Raises:
        OAuthError: As section 5.2 says.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise OAuthError("invalid_request", f"the body must be {FORM}")
    form = _form(body)
    if "grant_type" not in form:
        raise OAuthError("invalid_request", "grant_type is missing")
    credentials = _credentials(authorization, form)
    if form["grant_type"] != "client_credentials":
        raise OAuthError("unsupported_grant_type", "only client_credentials is supported")
    return TokenRequest(credentials, tuple(form.get("scope", "").split()))


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS
        )
    except ValueError as error:
        raise OAuthError("invalid_request", "the form cannot be read") from error
    names = [name for name, _ in pairs if name in _KNOWN]
    if len(names) != len(set(names)):
        raise OAuthError("invalid_request", "a parameter is given twice")
    # An unknown parameter is ignored and an empty one counts as absent (section 3.2).
    return {name: value for name, value in pairs if name in _KNOWN and value}


def _credentials(authorization: str | None, form: dict[str, str]) -> ClientCredentials:
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise OAuthError("invalid_client", "no client authentication")
        return ClientCredentials(form["client_id"], form["client_secret"])
    if "client_secret" in form:
        raise OAuthError("invalid_request", "two ways of client authentication at once")
    given = _basic(authorization)
    if form.get("client_id", given.client_id) != given.client_id:
        raise OAuthError("invalid_request", "client_id differs from the Authorization header")
    return given


def _basic(authorization: str) -> ClientCredentials:
    scheme, _, encoded = authorization.partition(" ")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise OAuthError("invalid_client", "the Authorization header cannot be read") from error
    name, colon, secret = plain.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "the Authorization header is not Basic")
    return ClientCredentials(unquote_plus(name), unquote_plus(secret))
