"""What an authority's interface can say about a firm or a vehicle."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

LOGINK: Final = "LOGINK"
"""The national transport and logistics public information platform, as `source` of a verification."""


class Outcome(StrEnum):
    """Only a plain yes confirms; whatever cannot be read as yes or no says nothing."""

    CONFIRMED = "confirmed"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Finding:
    """An authority's answer to one question.

    Attributes:
        outcome: What it comes to.
        asked_at: When it was asked.
        reference: The authority's id of the request, to be named when asking it; empty without one.
        detail: Chinese and English, for an official; names no secret and repeats no value.
        source: Who was asked.
    """

    outcome: Outcome
    asked_at: datetime
    reference: str = ""
    detail: str = ""
    source: str = LOGINK
