"""One batch of positions and what came with it, before it is stored."""

from dataclasses import dataclass, field
from datetime import datetime

from services.telemetry.domain.columns import Part
from services.telemetry.domain.documents import CommandAnswer
from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.jt808.judging import Alarm, Judged, alarm_of
from services.telemetry.domain.rows import Row, encode_report, in_storage_order, widen


@dataclass(slots=True)
class Quarantine:
    """A rejected fix of a terminal; ``key`` is None for an unknown one."""

    terminal_number: str
    key: int | None
    rejected: Rejected


@dataclass(slots=True)
class Batch:
    """What was received and decoded together.

    ``redelivered`` when some of it may be stored already, ``flagged`` when some rows have alarm and status.
    """

    received_at: datetime
    rows: list[Row] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    """Good fixes of a kind that were encoded together."""
    rejects: list[Quarantine] = field(default_factory=list)
    redelivered: bool = False
    flagged: bool = False
    alarms: list[Alarm] = field(default_factory=list)
    answers: list[tuple[int, CommandAnswer]] = field(default_factory=list)
    new: int = 0
    """Rows that were not there yet, once it is stored."""

    @property
    def good(self) -> int:
        """How many good fixes it holds."""
        return len(self.rows) + sum(len(part.keys) for part in self.parts)

    def by_day(self) -> dict[int, list[bytes]]:
        """Give the tuples of COPY of each UTC day of the epoch."""
        found: dict[int, list[bytes]] = {}
        for part in self.parts:
            for day, tuples in part.by_day():
                found.setdefault(day, []).append(tuples)
        for day, _, _, row in self.rows:
            found.setdefault(day, []).append(widen(row) if self.flagged else row)
        return found

    def split(self) -> None:
        """Turn parts into rows, for what has to look at each."""
        for part in self.parts:
            self.rows += part.rows()
        self.parts = []
        self.rows.sort(key=in_storage_order)

    def add(self, number: str, key: int, report: Judged, now_ms: int) -> None:
        """Take a judged report of a terminal."""
        if report.fix is not None:
            self.rows.append(encode_report(key, report.time_ms, report.fix, now_ms, report.flags))
            self.flagged |= report.flags is not None
        elif report.rejected is not None:
            self.rejects.append(Quarantine(number, key, report.rejected))
        alarm = alarm_of(key, report)
        if alarm is not None:
            self.alarms.append(alarm)
