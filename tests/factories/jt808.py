"""What a JT/T 808 terminal sends, written here without the code under test."""

import struct
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import reduce
from operator import xor

GMT8 = timezone(timedelta(hours=8))
POSITIONED = 0b10


def frame(
    msg_id: int,
    body: bytes = b"",
    *,
    phone: str = "13900000001",
    serial: int = 1,
    is_2019: bool = False,
    package: tuple[int, int] | None = None,
) -> bytes:
    """One frame on the wire; ``package`` is (total, number)."""
    properties = len(body) | (0x4000 if is_2019 else 0) | (0x2000 if package else 0)
    raw = struct.pack("!HH", msg_id, properties)
    raw += (b"\x01" + bytes.fromhex(phone.zfill(20))) if is_2019 else bytes.fromhex(phone.zfill(12))
    raw += struct.pack("!H", serial)
    if package:
        raw += struct.pack("!HH", *package)
    raw += body
    raw += bytes((reduce(xor, raw),))
    return b"\x7e" + b"".join(_escaped(byte) for byte in raw) + b"\x7e"


def _escaped(byte: int) -> bytes:
    return {0x7E: b"\x7d\x02", 0x7D: b"\x7d\x01"}.get(byte, bytes((byte,)))


def items(found: Mapping[int, bytes]) -> bytes:
    """Additional items."""
    return b"".join(bytes((number, len(value))) + value for number, value in found.items())


def report(
    at: datetime,
    lon: float = 122.07,
    lat: float = 41.12,
    *,
    status: int = POSITIONED,
    alarm: int = 0,
    altitude_m: int = 5,
    speed_kmh: float = 36.5,
    heading_deg: int = 90,
    extra: Mapping[int, bytes] | None = None,
) -> bytes:
    """Body of 0x0200; south and west go into the status."""
    status |= (4 if lat < 0 else 0) | (8 if lon < 0 else 0)
    fixed = struct.pack(
        "!IIIIHHH", alarm, status, round(abs(lat) * 1e6), round(abs(lon) * 1e6), altitude_m,
        round(speed_kmh * 10), heading_deg,
    )  # fmt: skip
    return fixed + bytes.fromhex(at.astimezone(GMT8).strftime("%y%m%d%H%M%S")) + items(extra or {})


def batch(reports: Iterable[bytes], kind: int = 1) -> bytes:
    """Body of 0x0704."""
    found = list(reports)
    head = struct.pack("!HB", len(found), kind)
    return head + b"".join(struct.pack("!H", len(each)) + each for each in found)


def registration(
    plate: str = "辽LD12345", color: int = 2, device_id: str = "PJ00001", version: int = 2013
) -> bytes:
    """Body of 0x0100 for a Panjin vehicle."""
    maker, model, device = {2011: (5, 8, 7), 2013: (5, 20, 7), 2019: (11, 30, 30)}[version]
    return (
        struct.pack("!HH", 21, 1100)
        + b"PJ001".ljust(maker, b"\0")
        + b"PJ-T1".ljust(model, b"\0")
        + device_id.encode().ljust(device, b"\0")
        + bytes((color,))
        + plate.encode("gbk")
    )


def authentication(code: str, version: int = 2013) -> bytes:
    """Body of 0x0102."""
    if version < 2019:
        return code.encode("gbk")
    return bytes((len(code),)) + code.encode("gbk") + b"860000000000001" + b"v1.2".ljust(20, b"\0")
