"""What can become of a file and of each of its rows."""

from collections import defaultdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID


class ImportStatus(StrEnum):
    """How far a file is; the last four end it."""

    CHECKING = "checking"
    CHECKED = "checked"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What becomes of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    INVALID = "invalid"


REFUSED: Final = (Outcome.CONFLICT, Outcome.INVALID)
KEEP: Final = timedelta(hours=24)
"""How long the bytes of a file are kept that nobody applies."""
MAX_OPEN: Final = 10
"""Files of one firm, or of one person or system of an office, that have not ended."""
MAX_ATTEMPTS: Final = 5
"""How often interrupted work is begun again."""


_Span = tuple[datetime | None, datetime | None, int]


class Seen:
    """The rows of one file by what they are about, to find those that are about the same."""

    def __init__(self) -> None:
        # Of 200,000 rows hardly any has a second: the first of a key stands alone, in a third of the memory.
        self._first: dict[str, _Span] = {}
        self._more: dict[str, list[_Span]] = defaultdict(list)
        self._entities: dict[bytes, int] = {}

    def earlier(
        self, number: int, key: str, begin: datetime | None = None, end: datetime | None = None
    ) -> int | None:
        """Note a row; return the number of the row before it that has its key at an instant they share.

        Args:
            number: The row.
            key: What it is about.
            begin: Since when; None is since ever.
            end: Until when, exclusive; None is for ever.
        """
        span = begin, end, number
        first = self._first.setdefault(key, span)
        if first is span:
            return None
        others: list[_Span] = [first, *self._more.get(key, [])]
        for other in others:
            if _share(span, other):
                return other[2]
        self._more[key].append(span)
        return None

    def earlier_of(self, number: int, entity_id: UUID) -> int | None:
        """Note a row about an entity on record; return the number of the row before it that is, too."""
        other: int = self._entities.setdefault(entity_id.bytes, number)
        return None if other == number else other


def _share(one: _Span, other: _Span) -> bool:
    before = one[1] is not None and other[0] is not None and one[1] <= other[0]
    after = one[0] is not None and other[1] is not None and other[1] <= one[0]
    return not before and not after
