"""The uniform result of every identifier check, and the text folding they share."""

from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 64
"""Longer texts are refused unread: no identifier checked here is longer than 20 characters."""

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_UPPER: Final = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_SPACES: Final = dict.fromkeys(map(ord, " \u00a0\u2002\u2003\u2009\u3000"))
_HYPHENS: Final = dict.fromkeys(map(ord, "-\u2010\u2011\u2012\u2013\u2014\u2212"))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something fails or deserves a look: a stable code and its text in both languages."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Check:
    """Result of checking one text against a standard.

    `normalized` is the canonical form of a valid value and None otherwise; `warnings` may also stand on a
    valid value. The checked text itself is never repeated in a reason: it may be personal.
    """

    valid: bool
    normalized: str | None
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()


TOO_LONG: Final = Reason("too_long", "内容过长", "the text is too long")


def accept(normalized: str, *warnings: Reason) -> Check:
    """Make the result for a valid value."""
    return Check(valid=True, normalized=normalized, warnings=warnings)


def reject(*reasons: Reason) -> Check:
    """Make the result for an invalid value."""
    return Check(valid=False, normalized=None, reasons=reasons)


def fold(text: str, *, also_drop: str = "") -> str | None:
    """Turn full-width to half-width, ASCII letters to upper case, and drop spaces, hyphens and `also_drop`.

    Only ASCII letters change case (`str.upper` would turn "ſ" into "S" and let a foreign letter pass).
    Returns None for a text longer than MAX_LENGTH.
    """
    if len(text) > MAX_LENGTH:
        return None
    dropped = dict.fromkeys(map(ord, also_drop))
    return text.translate(_FULL_WIDTH).translate(_UPPER | _SPACES | _HYPHENS | dropped)
