"""Scopes: further rights a token may carry, and which of them a client asks for (RFC 6749 section 3.3)."""

from collections.abc import Collection
from typing import Final

_READERS: Final = frozenset({"enterprise", "transport_bureau", "commerce_bureau", "postal_bureau"})


def may_read_personal_data(role: str) -> bool:
    """Tell whether a party of this role can be given `personal_data`; police and province cannot."""
    return role in _READERS


def grant(asked: Collection[str], has: Collection[str]) -> frozenset[str] | None:
    """Return the scopes a token gets: those asked for, all where none is; None for one the client has not."""
    wanted = frozenset(asked) or frozenset(has)
    return wanted if wanted <= frozenset(has) else None
