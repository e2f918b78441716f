"""Signing requests to the LOGINK API gateway (`domain.md` §2.2 b): what is signed, and how.

Source: the gateway's published sample, loginkhub/api-gateway-demo-sign-java (2021).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

JSON_TYPE: Final = "application/json; charset=UTF-8"
NONCE_LIFE_S: Final = 900
"""The gateway refuses a nonce it has seen within so many seconds, and a timestamp that is older."""

_SIGNED_PREFIX: Final = "X-Ca-"
_PLAIN_LINES: Final = ("Accept", "Content-MD5", "Content-Type", "Date")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def content_md5(body: bytes) -> str:
    """Return the `Content-MD5` of a body (RFC 1864); a checksum the gateway asks for, not a safeguard."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def string_to_sign(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str] = _NOTHING
) -> str:
    """Return the text that is signed: method, four headers by value, every `X-Ca-` header, path and query.

    Header names count as they are written; an absent one leaves an empty line.
    """
    lines = [method.upper(), *(headers.get(name, "") for name in _PLAIN_LINES)]
    lines += [f"{name}:{headers[name]}" for name in _signed_names(headers)]
    pairs = "&".join(f"{name}={query[name]}" if query[name] else name for name in sorted(query))
    return "\n".join([*lines, f"{path}?{pairs}" if pairs else path])


def sign(secret: str, text: str) -> str:
    """Return the signature of a text: base64 of HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def signed_headers(
    key: str, secret: str, path: str, body: bytes, timestamp_ms: int, nonce: str
) -> dict[str, str]:
    """Return the headers of one signed POST of JSON.

    Args:
        key: Of the application.
        secret: Of the application.
        path: Of the gateway's interface, without a query.
        body: The very bytes that are sent.
        timestamp_ms: Now, milliseconds since the epoch.
        nonce: Never used within `NONCE_LIFE_S`.
    """
    headers = {
        "Accept": JSON_TYPE,
        "Content-Type": JSON_TYPE,
        "Content-MD5": content_md5(body),
        "X-Ca-Key": key,
        "X-Ca-Nonce": nonce,
        "X-Ca-Timestamp": str(timestamp_ms),
    }
    signature = sign(secret, string_to_sign("POST", path, headers))
    names = ",".join(_signed_names(headers))
    return {**headers, "X-Ca-Signature": signature, "X-Ca-Signature-Headers": names}


def _signed_names(headers: Mapping[str, str]) -> list[str]:
    return sorted(name for name in headers if name.startswith(_SIGNED_PREFIX))
