"""Tokens whose signature and claims have been checked: a token comes many times in its ten minutes."""

from collections import OrderedDict
from typing import Final

from joserfc.jwk import OKPKey

from services.shared.auth.principal import Principal

_MOST: Final = 4096


class VerifiedTokens:
    """The latest verified tokens, in bounded memory.

    One counts only with the very key it was checked by, so that a key set read anew begins afresh, and only
    until it expires. That its subject has been disabled is asked elsewhere, every time.
    """

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, tuple[OKPKey, float, Principal]] = OrderedDict()

    def find(self, token: str, key: OKPKey, now: float) -> Principal | None:
        """Return who a token stands for when it has been checked by this key; None otherwise.

        Args:
            token: As shown.
            key: What its signature must be checked by now.
            now: Epoch seconds.
        """
        checked_by, until, principal = self._tokens.get(token, (None, 0.0, None))
        if checked_by is not key or now >= until:
            self._tokens.pop(token, None)
            return None
        return principal

    def keep(self, token: str, key: OKPKey, until: float, principal: Principal) -> None:
        """Remember a token that has just been checked, until an instant in epoch seconds."""
        self._tokens[token] = key, until, principal
        if len(self._tokens) > _MOST:
            self._tokens.popitem(last=False)
