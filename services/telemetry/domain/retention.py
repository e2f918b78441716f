"""How long what the terminals sent is kept; the city's (`profile.toml`, section `retention`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Self

LEAST_DAYS: Final = 45
"""Ingest takes fixes of thirty days ago, and a week of accounts is still compared with the rows."""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """Days that each kind is kept, and what aggregates are made by.

    Attributes:
        position_days: Positions, and alarms and commands of terminals.
        quarantine_days: What was wrong by itself, since it came last.
        accounting_days: Counts of reception.
        aggregate_days: What is left of positions, by the time of the fixes.
        gap_ms: A line between fixes this long or shorter is a line (`visits.gap_minutes`).
        jump_kmh: Faster than it is a jump (`trips.jump_kmh`).
    """

    position_days: int = 183
    quarantine_days: int = 183
    accounting_days: int = 1096
    aggregate_days: int = 1096
    gap_ms: int = 600_000
    jump_kmh: float = 200.0

    def __post_init__(self) -> None:
        """Refuse what would drop what is still needed."""
        if self.position_days < LEAST_DAYS:
            raise ValueError(f"positions are kept at least {LEAST_DAYS} days")
        if self.aggregate_days < self.position_days:
            raise ValueError("aggregates are kept at least as long as positions")
        if min(self.quarantine_days, self.accounting_days) < 1:
            raise ValueError("nothing is kept for less than a day")

    @classmethod
    def read(cls, profile: Mapping[str, Any]) -> Self:
        """Give what a city profile sets; what it leaves out is as it is here.

        Raises:
            TypeError, ValueError: it sets something else, or too little.
        """
        return cls(
            **profile.get("retention", {}),
            gap_ms=round(profile.get("visits", {}).get("gap_minutes", 10) * 60_000),
            jump_kmh=profile.get("trips", {}).get("jump_kmh", 200.0),
        )

    def positions_kept_from(self, clock: datetime) -> date:
        """Give the first UTC day whose positions must still be there: the days before it may go."""
        return (clock - timedelta(days=self.position_days)).date()
