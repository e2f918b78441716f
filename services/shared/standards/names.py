"""Names of people, masked for display. Personal: never log a name."""

from typing import Final

_SHOWN: Final = 1


def mask_name(name: str) -> str:
    """Mask a person's name for display: the first character stays, one star for each of the others."""
    return name[:_SHOWN] + "*" * max(len(name) - _SHOWN, _SHOWN)
