"""Places for work that holds much memory or a connection: so many at once, and so many of one party."""

from collections import Counter


class Slots:
    """Places of one process.

    Args:
        in_all: How many there are.
        each: How many one party may hold.
    """

    def __init__(self, in_all: int, each: int) -> None:
        self._in_all, self._each = in_all, each
        self._held: Counter[str] = Counter()

    def take(self, party: str) -> bool:
        """Take a place; tell whether there was one."""
        if self._held[party] >= self._each or self._held.total() >= self._in_all:
            return False
        self._held[party] += 1
        return True

    def give_back(self, party: str) -> None:
        """Give a place back that was taken."""
        self._held[party] -= 1
        self._held += Counter()
