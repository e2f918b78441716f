"""One frame: header and body (domain.md section 2.4, Header)."""

import struct
from typing import Final, NamedTuple

from services.telemetry.domain.jt808.framing import DELIMITER, LONGEST, checksum, escape, unescape

BODY_MAX: Final = 1023
SHORTEST: Final = 13
"""Bytes of a frame without a body: header of 2011/2013 and check byte."""
IS_2019, IS_PACKAGE, ENCRYPTION, LENGTH = 0x4000, 0x2000, 0x1C00, 0x03FF

_HEAD = struct.Struct("!HH6sH")
_HEAD_2019 = struct.Struct("!HHB10sH")
_PACKAGE = struct.Struct("!HH")


class Frame(NamedTuple):
    """A frame whose check byte and length hold."""

    msg_id: int
    properties: int
    protocol: int
    """Protocol version byte of 2019; 0 before."""
    terminal: bytes
    """The number as on the wire: BCD, 6 bytes, 10 in 2019."""
    serial: int
    total: int
    """Packages of the message; 0 when it is not sub-packaged."""
    number: int
    """Which of them, from 1."""
    body: bytes

    @property
    def is_2019(self) -> bool:
        """Whether bit 14 says so; 2011 and 2013 have one header."""
        return self.properties & IS_2019 != 0

    @property
    def is_encrypted(self) -> bool:
        """Whether the body can be read by who has the key only."""
        return self.properties & ENCRYPTION != 0


class Malformed(NamedTuple):
    """What is wrong with some bytes; ``frame`` is what could be read all the same."""

    reason: str
    detail: str
    frame: Frame | None = None


def terminal_number(frame: Frame) -> str:
    """Give the terminal's number: digits without leading zeros (hexadecimal where a device sends no BCD)."""
    return frame.terminal.hex().lstrip("0") or "0"


def read_frame(escaped: bytes) -> Frame | Malformed:
    """Read one frame as :class:`Framer` cuts it."""
    raw = unescape(escaped)
    size = len(raw)
    if not SHORTEST <= size <= LONGEST:
        reason = "too_short" if size < SHORTEST else "overlong"
        return Malformed(reason, f"{size} bytes, {SHORTEST} to {LONGEST} expected")
    is_2019 = raw[2] & IS_2019 >> 8 != 0
    declared = (raw[2] << 8 | raw[3]) & LENGTH
    if size != _header_size(raw, is_2019=is_2019) + declared + 1 and size == (
        _header_size(raw, is_2019=not is_2019) + declared + 1
    ):
        is_2019 = not is_2019  # a device that sets the version bit and sends the other header
    start = _header_size(raw, is_2019=is_2019)
    if size <= start:
        return Malformed("too_short", f"{size} bytes, the header alone has {start}")
    frame = _read(raw, start, is_2019=is_2019)
    if checksum(raw) != 0:
        return Malformed("checksum", f"{raw[-1]:#04x}, {checksum(raw[:-1]):#04x} expected", frame)
    if size != start + declared + 1:
        return Malformed("body_length", f"{size - start - 1} bytes, {declared} declared", frame)
    if frame.properties & IS_PACKAGE and not 1 <= frame.number <= frame.total:
        return Malformed("package_number", f"{frame.number} of {frame.total}", frame)
    return frame


def _header_size(raw: bytes, *, is_2019: bool) -> int:
    base = _HEAD_2019.size if is_2019 else _HEAD.size
    return base + _PACKAGE.size if raw[2] & IS_PACKAGE >> 8 else base


def _read(raw: bytes, start: int, *, is_2019: bool) -> Frame:
    if is_2019:
        msg_id, properties, protocol, terminal, serial = _HEAD_2019.unpack_from(raw)
    else:
        (msg_id, properties, terminal, serial), protocol = _HEAD.unpack_from(raw), 0
    total = number = 0
    if properties & IS_PACKAGE:
        total, number = _PACKAGE.unpack_from(raw, start - _PACKAGE.size)
    return Frame(msg_id, properties, protocol, terminal, serial, total, number, raw[start:-1])


def write_frame(frame: Frame) -> bytes:
    """Give a frame as on the wire, delimiters included; length and package bit are set by what it holds.

    Raises:
        ValueError: the body is longer than one frame holds.
    """
    if len(frame.body) > BODY_MAX:
        raise ValueError(f"{len(frame.body)} bytes, at most {BODY_MAX}")
    properties = frame.properties & ~(LENGTH | IS_PACKAGE) | len(frame.body)
    properties |= IS_PACKAGE if frame.total else 0
    if len(frame.terminal) == 10:  # noqa: PLR2004  BCD[10]
        head = _HEAD_2019.pack(frame.msg_id, properties, frame.protocol, frame.terminal, frame.serial)
    else:
        head = _HEAD.pack(frame.msg_id, properties, frame.terminal, frame.serial)
    package = _PACKAGE.pack(frame.total, frame.number) if frame.total else b""
    raw = head + package + frame.body
    return DELIMITER + escape(raw + bytes((checksum(raw),))) + DELIMITER
