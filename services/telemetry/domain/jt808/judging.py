"""From a location report to a fix, or to why it is none."""

from typing import Final

import msgspec

from services.telemetry.domain.fixes import Accepted, Crs, Fix, LoadState, Rejected, bounds, judge
from services.telemetry.domain.jt808.frames import Malformed
from services.telemetry.domain.jt808.reports import Report

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


def judge_report(report: Report | Malformed, now_ms: int, body: bytes) -> Accepted | Rejected:
    """Give a good fix with its time, or why the report goes to quarantine.

    ``body`` is kept of one that could not be read.
    """
    if isinstance(report, Malformed):
        return Rejected(report.reason, report.detail, raw(body))
    time_ms = report.time_ms
    if time_ms is None:
        return Rejected("time_invalid", report.time.hex(), raw(report.body))
    if not report.status & POSITIONED:
        return Rejected("not_positioned", "status bit 1 is 0", raw(report.body))
    fix = to_fix(report, time_ms)
    for name, low, high in _BOUNDS:
        value = getattr(fix, name)
        if value is not None and not low <= value <= high:
            return Rejected("out_of_range", name, raw(report.body))
    judged = judge(fix, now_ms)
    if isinstance(judged, Rejected):
        return judged._replace(raw=raw(report.body))
    return judged, fix


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


def raw(body: bytes) -> bytes:
    """Give how a report's bytes are kept in quarantine: a document that :func:`fixes.decode` reads again."""
    return msgspec.json.encode({"jt808": body.hex()})
