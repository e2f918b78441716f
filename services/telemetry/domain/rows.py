"""A fix as a row of `positions` in PostgreSQL's binary COPY format.

The content hash covers exactly the bytes of the columns that say what the fix states, coordinates to cargo
state, and alarm and status where a JT/T 808 terminal reports them; when it was sent (`boot`, `seq`) and
received is not content. So a fix sent again after a reboot is a duplicate.
"""

import struct
from datetime import timedelta
from functools import cache
from operator import itemgetter
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_digest

from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.instants import EPOCH_DAY

COLUMNS: Final = (
    "terminal_key", "time", "content_hash", "lon", "lat", "cell", "speed_kmh", "heading_deg", "altitude_m",
    "mileage_km", "soc_pct", "cargo_temp_c", "load_state", "boot", "seq", "received_at",
)  # fmt: skip
FLAG_COLUMNS: Final = ("alarm_bits", "status_bits")
"""Columns that only rows with flags have."""
HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER: Final = b"\xff\xff"
LOAD_STATES: Final = {"empty": 0, "partial": 1, "full": 2}
_LOAD_NAMES: Final = {number: name for name, number in LOAD_STATES.items()}
DAY_MS: Final = 86_400_000
PG_EPOCH_MS: Final = 946_684_800_000
CELLS_PER_DEGREE: Final = 100
CELLS_PER_ROW: Final = 360 * CELLS_PER_DEGREE

_HEAD = struct.Struct("!hiiiqi8s").pack
_TAIL = struct.Struct("!iqiqiq").pack
_RECEIVED = struct.Struct("!iq").pack
_FLAGS = struct.Struct("!iqiq").pack
_NULL = b"\xff\xff\xff\xff"
_COUNT, _COUNT_FLAGGED = (struct.pack("!h", n) for n in (len(COLUMNS), len(COLUMNS) + len(FLAG_COLUMNS)))
_OPTIONAL = "fffdffh"
_CODES = f"iqqddi{_OPTIONAL}qqq"
"""Of each column."""
_READ = tuple((struct.Struct(f"!{code}").unpack_from, struct.calcsize(code)) for code in _CODES)
_FIRST, _LENGTH = struct.calcsize("!h"), struct.calcsize("!i")
_SLOTS = tuple((1 << index, {"f": 4, "d": 8, "h": 2}[code]) for index, code in enumerate(_OPTIONAL))


Row = tuple[int, int, int, bytes]
"""One row after what it is sorted by: UTC day of the epoch, terminal key, time in ms, tuple of COPY."""

in_storage_order = itemgetter(0, 1, 2)
"""Sort key: partition, then primary key, so that concurrent batches take rows in one order."""


@cache
def _content_struct(present: int) -> struct.Struct:
    """Give the layout of lon, lat, cell and the optional columns whose bit is set in ``present``."""
    layout = "!ididii" + "".join(
        "i" + (code if present >> index & 1 else "") for index, code in enumerate(_OPTIONAL)
    )
    return struct.Struct(layout)


def cell_of(lon: float, lat: float) -> int:
    """Give the 0.01 degree cell of a point; fits a PostgreSQL integer."""
    column = min(int((lon + 180.0) * CELLS_PER_DEGREE), CELLS_PER_ROW - 1)
    return int((lat + 90.0) * CELLS_PER_DEGREE) * CELLS_PER_ROW + column


def content(fix: Fix) -> bytes:
    """Give the bytes of the content columns, lon to load_state."""
    lon, lat = fix.lon + 0.0, fix.lat + 0.0  # no negative zero
    load = fix.load_state
    present = 0
    packed: list[float] = [8, lon, 8, lat, 4, cell_of(lon, lat)]
    optional = (
        fix.speed_kmh,
        fix.heading_deg,
        fix.altitude_m,
        fix.mileage_km,
        fix.soc_pct,
        fix.cargo_temp_c,
        None if load is None else LOAD_STATES[load],
    )
    for (bit, size), value in zip(_SLOTS, optional, strict=True):
        if value is None:
            packed.append(-1)
        else:
            present |= bit
            packed += (size, value)
    return _content_struct(present).pack(*packed)


content_hash = xxh3_64_digest
"""Gives the XXH3 of the content in eight bytes, a `bigint` in the table.

It need not withstand a forger: what it tells apart are fixes of one terminal and one millisecond.
"""


def encode_flagged(key: int, time_ms: int, fix: Fix, received_ms: int, flags: tuple[int, int]) -> Row:
    """Encode a good fix with the alarm and status of a JT/T 808 report, as :func:`encode` without."""
    body, more = content(fix), _FLAGS(8, flags[0], 8, flags[1])
    head = _HEAD(
        len(COLUMNS) + len(FLAG_COLUMNS), 4, key, 8, (time_ms - PG_EPOCH_MS) * 1000, 8,
        content_hash(body + more),
    )  # fmt: skip
    tail = _counter(fix.boot) + _counter(fix.seq) + _RECEIVED(8, (received_ms - PG_EPOCH_MS) * 1000)
    return (time_ms // DAY_MS, key, time_ms, head + body + tail + more)


def encode_report(key: int, time_ms: int, fix: Fix, received_ms: int, flags: tuple[int, int] | None) -> Row:
    """Encode a good fix with the flags it came with, or without any."""
    if flags is None:
        return encode(key, time_ms, fix, received_ms)
    return encode_flagged(key, time_ms, fix, received_ms, flags)


def widen(row: bytes) -> bytes:
    """Give a COPY tuple with the flag columns, null where it has none."""
    return _COUNT_FLAGGED + row[2:] + 2 * _NULL if row[:2] == _COUNT else row


def encode(key: int, time_ms: int, fix: Fix, received_ms: int) -> Row:
    """Encode a good fix of terminal ``key`` as one tuple of binary COPY."""
    body = content(fix)
    head = _HEAD(len(COLUMNS), 4, key, 8, (time_ms - PG_EPOCH_MS) * 1000, 8, content_hash(body))
    received = (received_ms - PG_EPOCH_MS) * 1000
    if fix.boot is not None and fix.seq is not None:
        tail = _TAIL(8, fix.boot, 8, fix.seq, 8, received)
    else:
        tail = _counter(fix.boot) + _counter(fix.seq) + _RECEIVED(8, received)
    return (time_ms // DAY_MS, key, time_ms, head + body + tail)


def stated(row: bytes) -> Fix:
    """Give what a COPY tuple of :func:`encode` states as a fix, in WGS-84 and with its time in ms."""
    # As a double a number would show what a float lacks; its shortest decimal is what a terminal wrote.
    told: dict[str, Any] = {
        name: float(str(np.float32(value))) if code == "f" and value is not None else value
        for name, code, value in zip(COLUMNS, _CODES, unpack(row), strict=True)
        if name in Fix.__struct_fields__
    }
    load = told["load_state"]
    told["load_state"] = None if load is None else _LOAD_NAMES[load]
    told["time"] = float(from_micros(told["time"]))
    return Fix(**told)


def unpack(row: bytes) -> list[Any]:
    """Give the values of `COLUMNS` in a COPY tuple of :func:`encode`; instants as microseconds of 2000."""
    values: list[Any] = []
    at = _FIRST
    for read, size in _READ:
        at += _LENGTH
        if row[at - _LENGTH : at] == _NULL:
            values.append(None)
        else:
            values += read(row, at)
            at += size
    return values


def from_micros(micros: int) -> int:
    """Give the ms of the epoch of an instant of PostgreSQL."""
    return micros // 1000 + PG_EPOCH_MS


def partition(day: int) -> str:
    """Give the name of the partition of a UTC day of the epoch."""
    return f"positions_{EPOCH_DAY + timedelta(days=day):%Y%m%d}"


def _counter(value: int | None) -> bytes:
    return _NULL if value is None else _RECEIVED(8, value)
