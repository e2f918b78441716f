"""What the platform sends to a terminal: bodies, and the frame around them (domain.md section 2.4)."""

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from services.telemetry.domain.jt808.bodies import Version
from services.telemetry.domain.jt808.frames import IS_2019, Frame, write_frame

GENERAL_ANSWER, RESEND, SERVER_TIME, REGISTRATION_ANSWER = 0x8001, 0x8003, 0x8004, 0x8100
SET_PARAMETERS, TEXT = 0x8103, 0x8300
DONE, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
"""Results of a general answer."""
REGISTERED, VEHICLE_TAKEN, NO_VEHICLE, TERMINAL_TAKEN, NO_TERMINAL = 0, 1, 2, 3, 4
"""Results of a registration."""
REPORT_INTERVAL: Final = 0x0029
"""Parameter: seconds between two reports, by default."""
TEXT_MAX_BYTES: Final = 1000
_URGENT, _DISPLAY, _SPEAK = 0x01, 0x04, 0x08
_URGENT_2019, _NOTICE_2019 = 0x02, 0x03
_NOTIFICATION: Final = 1


def address(frame: Frame, msg_id: int, serial: int, body: bytes) -> bytes:
    """Give a frame to the terminal that sent ``frame``, with the header it uses."""
    properties = frame.properties & IS_2019
    return write_frame(Frame(msg_id, properties, frame.protocol, frame.terminal, serial, 0, 0, body))


def general_answer(serial: int, msg_id: int, result: int) -> bytes:
    """Give the body of 0x8001."""
    return struct.pack("!HHB", serial, msg_id, result)


def registration_answer(serial: int, result: int, code: str = "") -> bytes:
    """Give the body of 0x8100; the code goes out with result 0 only."""
    return struct.pack("!HB", serial, result) + (write_text(code) if result == REGISTERED else b"")


def resend_request(first_serial: int, indexes: Sequence[int], version: Version) -> bytes:
    """Give the body of 0x8003 that asks for packages again; their number is a BYTE before 2019."""
    wanted = indexes[:255]
    count = struct.pack("!HH" if version == 2019 else "!HB", first_serial, len(wanted))  # noqa: PLR2004  the version
    return count + struct.pack(f"!{len(wanted)}H", *wanted)


def server_time(now: datetime) -> bytes:
    """Give the body of 0x8004, BCD[6] in UTC.

    Two open platforms and a published vector have BCD[6]; EMQX's guide, which domain.md cites, a WORD and
    five bytes.
    """
    return bytes.fromhex(f"{now:%y%m%d%H%M%S}")


def set_parameters(values: Mapping[int, bytes]) -> bytes:
    """Give the body of 0x8103: id DWORD, length, value of each parameter."""
    parts = [struct.pack("!IB", number, len(value)) + value for number, value in values.items()]
    return bytes((len(parts),)) + b"".join(parts)


def report_interval(seconds: int) -> bytes:
    """Give the body of 0x8103 that sets the time between two reports."""
    return set_parameters({REPORT_INTERVAL: struct.pack("!I", seconds)})


def text_message(text: str, version: Version, *, is_urgent: bool = False) -> bytes:
    """Give the body of 0x8300: shown and read out to the driver.

    Raises:
        ValueError: it is longer than one message holds.
    """
    data = write_text(text)
    if len(data) > TEXT_MAX_BYTES:
        raise ValueError(f"{len(data)} bytes, at most {TEXT_MAX_BYTES}")
    if version == 2019:  # noqa: PLR2004  the version
        flags = (_URGENT_2019 if is_urgent else _NOTICE_2019) | _DISPLAY | _SPEAK
        return bytes((flags, _NOTIFICATION)) + data
    return bytes(((_URGENT if is_urgent else 0) | _DISPLAY | _SPEAK,)) + data


def write_text(text: str) -> bytes:
    """Give a STRING: GBK; a character it has not becomes a question mark."""
    return text.encode("gbk", "replace")
