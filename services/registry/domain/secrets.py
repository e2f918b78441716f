"""Secrets handed out once: 256 random bits, kept only as SHA-256 (no stretching needed at that entropy)."""

import hashlib
import hmac
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Final

SECRET_BYTES: Final = 32

Make = Callable[[int], str]


def new_secret(make: Make = token_urlsafe) -> str:
    """Return a new secret of 256 bits, URL-safe."""
    return make(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, stored: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(digest(secret), stored)
