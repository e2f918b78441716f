"""Choosing a representation by the Accept header (RFC 9110 §12.5.1)."""

from collections.abc import Mapping
from typing import TypeVar

Form = TypeVar("Form", bound=str)


def choose_form(accept: str | None, offered: Mapping[str, Form]) -> Form | None:
    """Give the form a client likes best of those ``offered`` by media type; None when it takes none.

    Of equal ones it is the first.
    A media range that says more counts before one that says less; parameters other than `q` are ignored.
    """
    if accept is None or not accept.strip():
        return next(iter(offered.values()))
    ranges = [_range(part) for part in accept.split(",")]
    weights = {media: _weight(media, ranges) for media in offered}
    best = max(weights, key=lambda media: weights[media])
    return offered[best] if weights[best] > 0 else None


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
    return media, weight if 0 <= weight <= 1 else 0.0


def _weight(media: str, ranges: list[tuple[str, float]]) -> float:
    for wanted in (media, media.partition("/")[0] + "/*", "*/*"):
        found = [weight for given, weight in ranges if given == wanted]
        if found:
            return max(found)
    return 0.0
