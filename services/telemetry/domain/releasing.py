"""Judging again what is in quarantine, as of its own reception, and moving its counts in the accounting.

The rule of the counts: after a release the accounts are those there would be if what is readable now had been
readable when it came. What a bridge passed on stands under the bridge's name while nobody could be given it,
and is then of the terminal it is about. A row of quarantine stands for messages that came `times` times on
certain days. Each
time counts what the message holds now: a fix that was not stored yet counts as stored on the first of its
days and as duplicate every other time, what is still bad stays quarantined. So per terminal and day
received = stored + duplicate + quarantined still holds, and no count falls below zero.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, NamedTuple

import msgspec

from services.telemetry.domain.documents import Document, read_document
from services.telemetry.domain.fixes import Fix, Rejected, decode
from services.telemetry.domain.jt808.judging import Alarm, Judged, alarm_of
from services.telemetry.domain.rows import Row, encode, encode_report

UNKNOWN: Final = "unknown_terminal"
_HASH = struct.Struct("!q")
_HASH_AT: Final = 26
"""Where the content hash stands in a COPY tuple, behind key and time (rows.py)."""

Identity = tuple[int, int, int]
"""What tells a fix from every other: terminal key, time in ms, content hash."""
Days = Mapping[date, int]
"""How often something came, by city day of reception."""


class Bridge(NamedTuple):
    """Who passed a row on, and the terminal it names, None while its firm has no such."""

    key: int
    number: str
    terminal_key: int | None


class Held(NamedTuple):
    """A row of quarantine."""

    digest: bytes
    number: str
    key: int | None
    """Of the terminal that reports for itself; None while no such terminal is known."""
    reason: str
    raw: bytes
    days: Days
    received_ms: int
    """When it came first: as of then it is judged."""
    first: datetime
    last: datetime
    bridge: Bridge | None = None
    """Where a bridge sent it."""

    @property
    def account_key(self) -> int | None:
        """Of the sender, under which it is accounted."""
        return self.key if self.bridge is None else self.bridge.key


@dataclass(slots=True)
class Verdict:
    """What a row of quarantine is now: good fixes, and what is still bad with how often a message has it.

    All of the terminal ``number``, and under ``key`` in the accounts.
    """

    number: str
    key: int | None
    rows: list[Row] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    bad: dict[bytes, tuple[Rejected, int]] = field(default_factory=dict)
    """By digest."""
    is_whole: bool = True
    """Whether it was counted once a message; if not, once a good fix of it."""


@dataclass(slots=True)
class Delta:
    """What is added to one terminal's account of one day."""

    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0


def digest_of(number: str, raw: bytes) -> bytes:
    """Give what identifies refused content of a terminal."""
    return hashlib.sha256(number.encode() + b"\0" + raw).digest()


def identify(row: Row) -> Identity:
    """Give what tells the fix of a row from every other."""
    return row[1], row[2], _HASH.unpack_from(row[3], _HASH_AT)[0]


def judge_again(held: Held, oldest_ms: int) -> Verdict:
    """Judge a row as of its own reception; ``oldest_ms``: positions before it are not kept any more."""
    accepted, rejected = decode(held.raw, held.received_ms)
    if rejected or held.key is None:
        document = read_document(held.raw, held.received_ms)
        if document is not None:
            return _judge_document(held, document, oldest_ms)
    if held.bridge is not None:
        return unchanged(held, held.reason, held.bridge.number)
    verdict = Verdict(held.number, held.account_key, is_whole=held.reason != UNKNOWN)
    if held.reason == UNKNOWN and accepted:
        # Only the good fixes of a message from nobody are counted with it; its bad ones have own rows.
        rejected = []
    for time_ms, fix in accepted:
        if held.key is None:
            _add(verdict, Rejected(UNKNOWN, held.number, held.raw))
        elif time_ms < oldest_ms:
            alone = held.raw if len(accepted) + len(rejected) == 1 else _alone(fix)
            _add(verdict, Rejected("too_old", "no longer kept", alone))
        else:
            verdict.rows.append(encode(held.key, time_ms, fix, held.received_ms))
    for each in rejected:
        _add(verdict, each)
    return verdict


def _judge_document(held: Held, document: Document, oldest_ms: int) -> Verdict:
    """Judge a message in another form than the platform's own (documents.py), as the intake does.

    Of one that is kept whole because a part of it could not be read, the rest has been stored and counted
    when it came: so it stays as it is while that part is bad.
    """
    number, key = held.number, held.key
    if held.bridge is not None:
        number, key = held.bridge.number, held.bridge.terminal_key
    if key is None:
        return unchanged(held, UNKNOWN, number)
    if document.terminal not in {None, number}:
        refused = Rejected("wrong_terminal", "names another terminal", held.raw)
        document = Document(reports=(Judged(held.received_ms, None, refused),))
    verdict = Verdict(number, key)
    whole = [each.rejected for each in document.reports if each.rejected and each.rejected.raw == held.raw]
    if whole:
        _add(verdict, whole[0])
        return verdict
    for report in document.reports:
        _take(verdict, key, report, held, oldest_ms)
    return verdict


def unchanged(held: Held, reason: str, detail: str) -> Verdict:
    """Give the verdict that a row stays as it is and is counted as it was."""
    return Verdict(held.number, held.account_key, bad={held.digest: (Rejected(reason, detail, held.raw), 1)})


def _take(verdict: Verdict, key: int, report: Judged, held: Held, oldest_ms: int) -> None:
    if report.fix is None:
        if report.rejected is not None:
            _add(verdict, report.rejected)
    elif report.time_ms < oldest_ms:
        _add(verdict, Rejected("too_old", "no longer kept", _alone(report.fix)))
    else:
        verdict.rows.append(encode_report(key, report.time_ms, report.fix, held.received_ms, report.flags))
        alarm = alarm_of(key, report)
        if alarm is not None:
            verdict.alarms.append(alarm)


def _alone(fix: Fix) -> bytes:
    """Give a fix out of a message as a message of its own; it has been turned to WGS-84."""
    return msgspec.json.encode(msgspec.structs.replace(fix, crs="WGS-84"))


def _add(verdict: Verdict, rejected: Rejected) -> None:
    digest = digest_of(verdict.number, rejected.raw)
    known, times = verdict.bad.get(digest, (rejected, 0))
    verdict.bad[digest] = known, times + 1


def occasions(held: Held, verdict: Verdict) -> dict[date, int]:
    """Give how often the message of a row came, by day.

    A row is counted by messages, one of an unknown terminal by the positions that were good in them.
    """
    weight = 1
    if not verdict.is_whole:
        weight = max(1, len(verdict.rows) + sum(times for _, times in verdict.bad.values()))
    return {day: max(1, times // weight) for day, times in sorted(held.days.items())}


class Ledger:
    """The accounts' changes of a number of rows, taken in the order in which they came."""

    def __init__(self, new: set[Identity]) -> None:
        self._new = new
        self.deltas: dict[tuple[str, int | None, date], Delta] = {}
        self.stored = self.duplicate = 0

    def take(self, held: Held, verdict: Verdict) -> None:
        """Move the counts of one row."""
        first = Counter(identify(row) for row in verdict.rows)
        still = sum(times for _, times in verdict.bad.values())
        for day, times in occasions(held, verdict).items():
            self._delta(held.number, held.account_key, day).quarantined -= held.days[day]
            delta = self._delta(verdict.number, verdict.key, day)
            stored = len(first.keys() & self._new)
            self._new -= first.keys()
            duplicate = times * first.total() - stored
            delta.stored += stored
            delta.duplicate += duplicate
            delta.quarantined += times * still
            self.stored += stored
            self.duplicate += duplicate

    def _delta(self, number: str, key: int | None, day: date) -> Delta:
        return self.deltas.setdefault((number, key, day), Delta())


def span_of(rows: Sequence[Row]) -> dict[int, tuple[int, int]]:
    """Give the first and the last time in ms of each terminal's rows."""
    spans: dict[int, tuple[int, int]] = {}
    for row in rows:
        low, high = spans.get(row[1], (row[2], row[2]))
        spans[row[1]] = min(low, row[2]), max(high, row[2])
    return spans
