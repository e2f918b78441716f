"""The course of a standing: from when on a firm or a vehicle may operate or not, and what has run out then.

The registry publishes the whole known course, the lapses to come too, so whoever reads it is exact at
every instant, before any message about the turn. Permits asks it about an instant, matching about the hours
of a job; the texts are the same in both.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from services.shared.standards.certificates import CERTIFICATE_NAMES
from services.shared.standards.check import Reason

ENTERPRISE_NOT_ACTIVE: Final = "enterprise_not_active"
ENTERPRISE_LAPSED: Final = "enterprise_lapsed"
VEHICLE_LAPSED: Final = "vehicle_lapsed"

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds from `since` on, until the next standing.

    Attributes:
        since: The instant.
        open: No official's decision stands in the way; always so of a vehicle.
        lapses: Kinds of certificates that have run out.
    """

    since: datetime
    open: bool = True
    lapses: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """It may operate."""
        return self.open and not self.lapses


@dataclass(frozen=True, slots=True)
class Course:
    """Standings by their instant, oldest first, at least one; the first holds before its instant too."""

    standings: tuple[Standing, ...]

    @classmethod
    def always(cls, *, active: bool) -> "Course":
        """Return the course that never turns."""
        return cls((Standing(_EVER, open=active),))

    @classmethod
    def load(cls, stored: str | list[Any] | None) -> "Course | None":
        """Return a stored course, as text or as parsed JSON; None where there is none."""
        if isinstance(stored, str):
            standings = _decoder.decode(stored)
        else:
            standings = msgspec.convert(stored or [], tuple[Standing, ...])
        return cls(standings) if standings else None

    def dump(self) -> list[dict[str, Any]]:
        """Return it as JSON to store."""
        found: list[dict[str, Any]] = msgspec.to_builtins(self.standings)
        return found

    def at(self, instant: datetime) -> Standing:
        """Return what holds at an instant."""
        return self.standings[max(0, self._after(instant) - 1)]

    def over(self, start: datetime, end: datetime) -> tuple[Standing, ...]:
        """Return what holds at any instant of [start, end)."""
        first = max(1, self._after(start))
        inside = (each for each in self.standings[first:] if each.since < end)
        return (self.standings[first - 1], *inside)

    def turns(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the instants in (start, end) at which it turns."""
        return [each.since for each in self.over(start, end)[1:]]

    def _after(self, instant: datetime) -> int:
        return bisect_right(self.standings, instant, key=_since)


_decoder: Final = msgspec.json.Decoder(tuple[Standing, ...])


def _since(standing: Standing) -> datetime:
    return standing.since


def enterprise_lapsed(lapses: Iterable[str]) -> Reason:
    """Say that licences of the firm have run out, and which."""
    zh, en = _named(lapses)
    return Reason(
        ENTERPRISE_LAPSED,
        f"企业证照已失效：{zh}；不得营运",
        f"the enterprise's licences are not in force: {en}; it may not operate",
    )


def vehicle_lapsed(lapses: Iterable[str]) -> Reason:
    """Say that papers of the vehicle have run out, and which."""
    zh, en = _named(lapses)
    return Reason(
        VEHICLE_LAPSED,
        f"车辆证照已失效：{zh}；不得营运",
        f"the vehicle's papers are not in force: {en}; it may not operate",
    )


def _named(lapses: Iterable[str]) -> tuple[str, str]:
    names = [CERTIFICATE_NAMES.get(kind, (kind, kind)) for kind in sorted(set(lapses))]
    return "、".join(zh for zh, _ in names), ", ".join(en for _, en in names)
