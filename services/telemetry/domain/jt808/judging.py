"""From a location report to a fix, or to why it is none."""

from typing import Final, NamedTuple

import msgspec

from services.telemetry.domain.fixes import Crs, Fix, LoadState, Rejected, bounds, judge
from services.telemetry.domain.jt808.bodies import BATCH, REPORT, REPORT_ANSWER
from services.telemetry.domain.jt808.frames import Malformed
from services.telemetry.domain.jt808.reports import Report, read_batch, read_report

POSITIONED, OFFSET_COORDINATES = 1 << 1, 1 << 5
"""Status bits: the receiver has a fix; the coordinates went through the state's plug-in, that is GCJ-02."""
MILEAGE, CARRIAGE_TEMPERATURE = 0x01, 0x06
NO_MILEAGE: Final = 0xFFFF_FFFF
_LOAD_STATES: Final[tuple[LoadState | None, ...]] = ("empty", "partial", None, "full")
_LOAD_SHIFT = 8
_WORD_SIGN, _WORD_WRAP = 1 << 15, 1 << 16
_BOUNDS: Final = tuple(
    (name, *bounds(name))
    for name in ("lon", "lat", "speed_kmh", "heading_deg", "altitude_m", "mileage_km", "cargo_temp_c")
)


class Judged(NamedTuple):
    """What became of one report: a good fix, or why it goes to quarantine; and the flags it carries.

    ``time_ms`` is when the flags count: the report's own time unless that is impossible.
    """

    time_ms: int
    fix: Fix | None
    rejected: Rejected | None
    alarm: int | None = None
    status: int | None = None

    @property
    def flags(self) -> tuple[int, int] | None:
        """Alarm and status, where the report has them."""
        return None if self.alarm is None or self.status is None else (self.alarm, self.status)


class Alarm(NamedTuple):
    """A report with alarm bits; without coordinates where the receiver had none."""

    key: int
    time_ms: int
    alarm: int
    status: int
    lon: float | None
    lat: float | None


def alarm_of(key: int, report: Judged) -> Alarm | None:
    """Give the alarm a report of terminal ``key`` tells of, whatever became of its position."""
    if not report.alarm or report.status is None:
        return None
    place = (None, None) if report.fix is None else (report.fix.lon, report.fix.lat)
    return Alarm(key, report.time_ms, report.alarm, report.status, *place)


def judge_message(msg_id: int, body: bytes, now_ms: int) -> list[Judged]:
    """Judge what a message that reports locations (0x0200, 0x0201, 0x0704) says, received at ``now_ms``."""
    if msg_id != BATCH:
        return [
            judge_report(read_report(body[2:] if msg_id == REPORT_ANSWER else body), now_ms, msg_id, body)
        ]
    batch = read_batch(body)
    reports = (batch,) if isinstance(batch, Malformed) else batch.reports
    return [judge_report(report, now_ms, msg_id, body) for report in reports]


def judge_report(report: Report | Malformed, now_ms: int, msg_id: int, body: bytes) -> Judged:
    """Judge one report; of one that could not be read the whole message is kept."""
    if isinstance(report, Malformed):
        return Judged(now_ms, None, Rejected(report.reason, report.detail, raw(msg_id, body)))
    time_ms, fix = report.time_ms, None
    found: int | Rejected
    if time_ms is None:
        found = Rejected("time_invalid", report.time.hex(), b"")
    else:
        fix = to_fix(report, time_ms)
        found = _judge(report, fix, now_ms)
    if isinstance(found, int):
        return Judged(found, fix, None, report.alarm, report.status)
    is_possible = time_ms is not None and found.reason not in {"time_in_future", "time_too_old"}
    at = time_ms if is_possible and time_ms is not None else now_ms
    return Judged(at, None, found._replace(raw=raw(REPORT, report.body)), report.alarm, report.status)


def _judge(report: Report, fix: Fix, now_ms: int) -> int | Rejected:
    for name, low, high in _BOUNDS:
        value = getattr(fix, name)
        if value is not None and not low <= value <= high:
            return Rejected("out_of_range", name, b"")
    judged = judge(fix, now_ms)
    if isinstance(judged, int) and not report.status & POSITIONED:
        return Rejected("not_positioned", "status bit 1 is 0", b"")
    return judged


def to_fix(report: Report, time_ms: int) -> Fix:
    """Give the report's values in the platform's units; nothing is judged.

    An altitude from 32,768 m on is a negative one: devices by the sea send two's complement.
    """
    items = report.items.values
    mileage, temperature = items.get(MILEAGE), items.get(CARRIAGE_TEMPERATURE)
    altitude = report.altitude_m
    crs: Crs = "GCJ-02" if report.status & OFFSET_COORDINATES else "WGS-84"
    return Fix(
        time_ms, report.lon, report.lat, report.speed_raw / 10, report.heading_deg,
        altitude - _WORD_WRAP if altitude >= _WORD_SIGN else altitude,
        mileage / 10 if isinstance(mileage, int) and mileage != NO_MILEAGE else None,
        None,
        temperature / 10 if isinstance(temperature, int) else None,
        _LOAD_STATES[report.status >> _LOAD_SHIFT & 3],
        crs=crs,
    )  # fmt: skip


def raw(msg_id: int, body: bytes) -> bytes:
    """Give how a message's bytes are kept in quarantine: a document that can be read again (documents.py)."""
    return msgspec.json.encode({"jt808": f"0x{msg_id:04X}", "body": body.hex()})
