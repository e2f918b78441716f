"""Whether a run of terminals has been conserved: what each was receipted for is stored, and once."""

import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Account(NamedTuple):
    """What became of everything received of a terminal: received = stored + duplicate + quarantined."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def plus(self, other: "Account") -> "Account":
        """Give both together."""
        return Account(*map(operator.add, self, other))


class Tally(NamedTuple):
    """What a terminal knows: distinct good fixes measured, sendings, receipted, fallen out of its memory."""

    recorded: int = 0
    sent: int = 0
    receipted: int = 0
    overwritten: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Give both together."""
        return Tally(*map(operator.add, self, other))


class Balance(NamedTuple):
    """Sums over all terminals, and what does not agree of any one."""

    tally: Tally
    account: Account
    lost: int
    """Receipted and not stored."""
    twice: int
    """Stored more often than measured."""
    not_receipted: int

    @property
    def is_conserved(self) -> bool:
        """Whether everything measured is receipted and stored once, and nothing good was refused."""
        return not (self.lost or self.twice or self.not_receipted or self.account.quarantined)


def balance(terminals: Iterable[tuple[Tally, Account]]) -> Balance:
    """Compare terminal by terminal, so that one's surplus cannot hide another's loss."""
    tally, account = Tally(), Account()
    lost = twice = missing = 0
    for known, stored in terminals:
        tally, account = tally.plus(known), account.plus(stored)
        lost += max(0, known.receipted - stored.stored)
        twice += max(0, stored.stored - known.recorded)
        missing += known.recorded - known.receipted
    return Balance(tally, account, lost, twice, missing)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Give the least of the sorted ``values`` that this share does not exceed (nearest rank), or None."""
    if not values:
        return None
    rank = max(1, -int(-share * len(values) // 1))
    return values[min(rank, len(values)) - 1]
