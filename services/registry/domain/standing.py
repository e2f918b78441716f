"""The course of a standing: which certificates lapse when, computed from their days alone.

A certificate is in force from the beginning of its first day to the end of its last, in the city's zone. A
kind of which at least one is on record lapses wherever none of them covers an instant after the first began;
before that, nothing is known and nothing lapses. A kind of which none is on record never lapses: what must be
shown at all is a matter of admission.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo

Causes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """The days on which one certificate of a kind is valid, both included; None is open."""

    kind: str
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Turn:
    """From `since` on these kinds have lapsed, until the next turn."""

    since: datetime
    causes: Causes


@dataclass(frozen=True, slots=True)
class Decided:
    """An official's decision and since when it holds."""

    since: datetime
    status: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds from an instant on; `lapses` are those of a firm whatever an official decided."""

    since: datetime
    status: str
    causes: Causes = ()
    lapses: Causes = ()


def course(certificates: Iterable[Days], begin: datetime, zone: tzinfo) -> list[Turn]:
    """Return the turns of lapses from `begin` on, the first at `begin`, each different from the one before.

    Args:
        certificates: Those that count, withdrawn ones left out.
        begin: Since when anybody asks: the begin of the registration.
        zone: The city's.
    """
    by_kind: dict[str, list[tuple[datetime | None, datetime | None]]] = {}
    for days in certificates:
        span = _midnight(days.first, zone), _midnight(days.last and days.last + timedelta(days=1), zone)
        by_kind.setdefault(days.kind, []).append(span)
    ends = {edge for spans in by_kind.values() for span in spans for edge in span if edge and edge > begin}
    turns: list[Turn] = []
    for instant in (begin, *sorted(ends)):
        causes = tuple(sorted(kind for kind, spans in by_kind.items() if _lapsed(spans, instant)))
        if not turns or turns[-1].causes != causes:
            turns.append(Turn(instant, causes))
    return turns


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day is not None else None


def _lapsed(spans: Sequence[tuple[datetime | None, datetime | None]], at: datetime) -> bool:
    begun = [span for span in spans if span[0] is None or span[0] <= at]
    return bool(begun) and all(end is not None and end <= at for _, end in begun)


def at_instant(turns: Sequence[Turn], at: datetime) -> Causes:
    """Return what has lapsed at an instant."""
    return next((turn.causes for turn in reversed(turns) if turn.since <= at), ())


def next_turn(turns: Sequence[Turn], after: datetime) -> datetime | None:
    """Return when the next turn comes after an instant, None when none is known."""
    return next((turn.since for turn in turns if turn.since > after), None)


def vehicle_standings(turns: Sequence[Turn]) -> list[Standing]:
    """Return the course as a vehicle's standings: active or lapsed."""
    return [Standing(turn.since, "lapsed" if turn.causes else "active", turn.causes) for turn in turns]


def enterprise_standings(decided: Sequence[Decided], turns: Sequence[Turn]) -> list[Standing]:
    """Return a firm's standings: what was decided, and suspended with its causes where a licence has lapsed.

    Where an official has suspended it, the lapses stand beside: reinstating it alone would not do.

    Args:
        decided: By effective time, oldest first, one an instant.
        turns: Of its licences.
    """
    found: list[Standing] = []
    if not decided:
        return found
    instants = {each.since for each in decided} | {turn.since for turn in turns}
    for instant in sorted(each for each in instants if each >= decided[0].since):
        status = next(each.status for each in reversed(decided) if each.since <= instant)
        lapses = at_instant(turns, instant)
        causes = lapses if status == "active" else ()
        standing = Standing(instant, "suspended" if causes else status, causes, lapses)
        if not found or replace(found[-1], since=instant) != standing:
            found.append(standing)
    return found
