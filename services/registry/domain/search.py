"""What a search compares: texts folded alike on both sides (in the database by `registry.firm_key`)."""

from enum import StrEnum
from typing import Final

from services.shared.standards.plates import normalise_plate

LEAST: Final = 2
"""Fewest characters of a fragment."""


class Sought(StrEnum):
    """What can be found, in the order of the results."""

    ENTERPRISE = "enterprise"
    VEHICLE = "vehicle"


def fold_fragment(text: str) -> str:
    """Fold a fragment as plates are: half-width, upper case, without spaces, hyphens and dots.

    Empty for a text that is longer than any identifier.
    """
    return normalise_plate(text) or ""
