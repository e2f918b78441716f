"""Location reports: 0x0200 and the places where one stands in another message (domain.md section 2.4)."""

import struct
from datetime import datetime
from typing import Final, NamedTuple

from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.jt808.frames import Malformed
from services.telemetry.domain.jt808.items import Items, read_items

FIXED: Final = 28
SOUTH, WEST = 1 << 2, 1 << 3
DEGREE: Final = 1_000_000
_SIGN, _WRAP = 1 << 31, 1 << 32
_FIXED = struct.Struct("!IIIIHHH6s")
_BATCH_HEAD = struct.Struct("!HB")


class Report(NamedTuple):
    """One location report in the wire's units; impossible values as they came."""

    alarm: int
    status: int
    lat_raw: int
    lon_raw: int
    altitude_m: int
    speed_raw: int
    heading_deg: int
    time: bytes
    items: Items
    body: bytes

    @property
    def lat(self) -> float:
        """Degrees, south negative."""
        return _degrees(self.lat_raw, is_negative=self.status & SOUTH != 0)

    @property
    def lon(self) -> float:
        """Degrees, west negative."""
        return _degrees(self.lon_raw, is_negative=self.status & WEST != 0)

    @property
    def time_ms(self) -> int | None:
        """Milliseconds of the epoch, None where the digits are no time."""
        return read_time(self.time)


class Batch(NamedTuple):
    """A batch of reports (0x0704); ``kind`` 0 normal, 1 backfill of a blind zone."""

    announced: int
    kind: int
    reports: tuple[Report | Malformed, ...]


def _degrees(raw: int, *, is_negative: bool) -> float:
    """Apply the sign of the status bit; some devices send two's complement instead."""
    if raw >= _SIGN:
        raw -= _WRAP
    return -abs(raw) / DEGREE if is_negative else raw / DEGREE


def read_time(bcd: bytes) -> int | None:
    """Give the instant of six BCD bytes YYMMDDhhmmss, GMT+8, in milliseconds of the epoch."""
    text = bcd.hex()
    try:
        at = datetime.fromisoformat(
            f"20{text[:2]}-{text[2:4]}-{text[4:6]}T{text[6:8]}:{text[8:10]}:{text[10:12]}+08:00"
        )
    except ValueError:
        return None
    return to_ms(at)


def read_report(body: bytes) -> Report | Malformed:
    """Read one report: the fixed part, then the items."""
    if len(body) < FIXED:
        return Malformed("report_too_short", f"{len(body)} bytes, {FIXED} expected")
    alarm, status, lat, lon, altitude, speed, heading, time = _FIXED.unpack_from(body)
    return Report(alarm, status, lat, lon, altitude, speed, heading, time, read_items(body, FIXED), body)


def read_batch(body: bytes) -> Batch | Malformed:
    """Read a batch: as many reports as are there; fewer than announced is a fault that is named.

    A last one that is cut off counts with what is there of it.
    """
    if len(body) < _BATCH_HEAD.size:
        return Malformed("batch_too_short", f"{len(body)} bytes")
    count, kind = _BATCH_HEAD.unpack_from(body)
    found: list[Report | Malformed] = []
    at = _BATCH_HEAD.size
    while at + 2 < len(body):
        stop = at + 2 + int.from_bytes(body[at : at + 2], "big")
        report = read_report(body[at + 2 : stop])
        if len(found) >= count and (isinstance(report, Malformed) or stop > len(body)):
            break  # padding after the last one
        found.append(report)
        at = stop
    if len(found) < count:
        found.append(Malformed("batch_cut_off", f"{len(found)} of {count} reports are there"))
    return Batch(count, kind, tuple(found))
