"""What can become of a file and of each of its rows."""

from collections import defaultdict
from collections.abc import Hashable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


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


class Seen:
    """The rows of one file by what they are about, to find those that are about the same."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, list[tuple[datetime | None, datetime | None, int]]] = defaultdict(list)

    def earlier(
        self, number: int, key: Hashable, begin: datetime | None = None, end: datetime | None = None
    ) -> int | None:
        """Note a row; return the number of the row before it that has its key at an instant they share.

        Args:
            number: The row.
            key: What it is about.
            begin: Since when; None is since ever.
            end: Until when, exclusive; None is for ever.
        """
        for other_begin, other_end, other in self._rows[key]:
            apart = (end is not None and other_begin is not None and end <= other_begin) or (
                begin is not None and other_end is not None and other_end <= begin
            )
            if not apart:
                return other
        self._rows[key].append((begin, end, number))
        return None
