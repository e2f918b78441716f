"""What a terminal's messages say (domain.md section 2.4, Messages needed)."""

import struct
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from services.telemetry.domain.jt808.frames import Frame, Malformed
from services.telemetry.domain.jt808.reports import FIXED, Batch, Report, read_batch, read_report

Version = Literal[2011, 2013, 2019]

ANSWER, HEARTBEAT, LOGOUT, TIME_QUERY = 0x0001, 0x0002, 0x0003, 0x0004
REGISTRATION, AUTHENTICATION, REPORT, REPORT_ANSWER = 0x0100, 0x0102, 0x0200, 0x0201
CONTROL_ANSWER, WAYBILL, BATCH, MULTIMEDIA = 0x0500, 0x0701, 0x0704, 0x0801

PLATE_COLOURS: Final = frozenset({*range(6), 9, *range(91, 95)})
_PLACES: Final[dict[Version, tuple[int, int, int]]] = {2011: (5, 8, 7), 2013: (5, 20, 7), 2019: (11, 30, 30)}
"""Bytes of maker, model and terminal id in a registration."""
_REGIONS = struct.Struct("!HH")
_ANSWER = struct.Struct("!HHB")
_REGISTRATION_REPLY = struct.Struct("!HB")
_WORD = struct.Struct("!H")
_IMEI, _SOFTWARE = 15, 20
_MULTIMEDIA_HEAD = 8


class Registration(NamedTuple):
    """0x0100; the plate is the VIN where ``plate_color`` is 0."""

    province_id: int
    city_id: int
    maker_id: str
    terminal_model: str
    terminal_id: str
    plate_color: int
    plate_no: str
    version: Version


class Authentication(NamedTuple):
    """0x0102; only 2019 has more than the code."""

    auth_code: str
    imei: str | None = None
    software_version: str | None = None


class Answer(NamedTuple):
    """0x0001, and 0x8001 with the same fields."""

    reply_serial: int
    reply_msg_id: int
    result: int


class RegistrationReply(NamedTuple):
    """0x8100, what the platform answers to a registration."""

    reply_serial: int
    result: int
    auth_code: str


class Located(NamedTuple):
    """A message that holds one location report, and the serial it answers where it is an answer."""

    report: Report
    reply_serial: int | None = None


class Unread(NamedTuple):
    """A body the platform does not look into, or an empty one."""

    body: bytes


Body = Registration | RegistrationReply | Authentication | Answer | Located | Batch | Unread


def read_body(frame: Frame, version: Version | None = None) -> Body | Malformed:
    """Read the body of a whole message.

    ``version`` is what the device is known to speak; else the version bit and the body's own length decide.
    """
    if frame.is_encrypted:
        return Malformed("encrypted", f"method {frame.properties >> 10 & 7}")
    read = _READERS.get(frame.msg_id)
    if read is not None:
        return read(frame.body)
    if frame.msg_id == REGISTRATION:
        return read_registration(frame.body, version or (2019 if frame.is_2019 else None))
    if frame.msg_id == AUTHENTICATION:
        return read_authentication(frame.body, version or (2019 if frame.is_2019 else 2013))
    return Unread(frame.body)


def _read_answer(body: bytes) -> Answer | Malformed:
    if len(body) < _ANSWER.size:
        return Malformed("answer_too_short", f"{len(body)} bytes")
    serial, msg_id, result = _ANSWER.unpack_from(body)
    return Answer(serial, msg_id, result)


def _read_registration_reply(body: bytes) -> RegistrationReply | Malformed:
    if len(body) < _REGISTRATION_REPLY.size:
        return Malformed("answer_too_short", f"{len(body)} bytes")
    serial, result = _REGISTRATION_REPLY.unpack_from(body)
    return RegistrationReply(serial, result, read_text(body[_REGISTRATION_REPLY.size :]))


def _located(report: Report | Malformed, reply_serial: int | None = None) -> Located | Malformed:
    return report if isinstance(report, Malformed) else Located(report, reply_serial)


def _read_located_answer(body: bytes) -> Located | Malformed:
    return _located(read_report(body[_WORD.size :]), int.from_bytes(body[: _WORD.size], "big"))


def _read_multimedia(body: bytes) -> Located | Unread | Malformed:
    stop = _MULTIMEDIA_HEAD + FIXED
    if len(body) < stop:
        return Unread(body)  # 2011 has no location there
    return _located(read_report(body[_MULTIMEDIA_HEAD:stop]))


_READERS: Final[dict[int, Callable[[bytes], Body | Malformed]]] = {
    ANSWER: _read_answer,
    0x8001: _read_answer,
    0x8100: _read_registration_reply,
    REPORT: lambda body: _located(read_report(body)),
    REPORT_ANSWER: _read_located_answer,
    CONTROL_ANSWER: _read_located_answer,
    BATCH: read_batch,
    MULTIMEDIA: _read_multimedia,
}


def read_registration(body: bytes, version: Version | None) -> Registration | Malformed:
    """Read a registration; without a version, or with one the body is too short for, by its length.

    A body that could be 2013 is 2011 when only that reading has a plate colour that exists: a long plate.
    """
    if version is None or len(body) < _fixed(version):
        version = 2013 if len(body) >= _fixed(2013) else 2011
        looks_2013 = len(body) >= _fixed(2013) and body[_fixed(2013) - 1] in PLATE_COLOURS
        if len(body) >= _fixed(2011) and not looks_2013 and body[_fixed(2011) - 1] in PLATE_COLOURS:
            version = 2011
    if len(body) < _fixed(version):
        return Malformed("registration_too_short", f"{len(body)} bytes, {_fixed(2011)} expected")
    province, city = _REGIONS.unpack_from(body)
    maker, model, device, colour, plate = _split(body[_REGIONS.size :], (*_PLACES[version], 1))
    return Registration(
        province, city, read_text(maker), read_text(model), read_text(device), colour[0], read_text(plate),
        version,
    )  # fmt: skip


def _split(data: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    """Give pieces of these sizes, and the rest."""
    pieces: list[bytes] = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def _fixed(version: Version) -> int:
    return _REGIONS.size + sum(_PLACES[version]) + 1


def read_authentication(body: bytes, version: Version) -> Authentication:
    """Read an authentication; a body that does not have the form of 2019 is the code alone."""
    if version == 2019 and len(body) > _IMEI + _SOFTWARE:  # noqa: PLR2004  the version
        stop = 1 + body[0]
        if len(body) == stop + _IMEI + _SOFTWARE:
            imei = body[stop : stop + _IMEI]
            return Authentication(read_text(body[1:stop]), read_text(imei), read_text(body[stop + _IMEI :]))
    return Authentication(read_text(body))


def read_text(data: bytes) -> str:
    """Give a STRING or a padded BYTE[n]: GBK (its superset GB 18030), without padding."""
    return data.strip(b"\0").decode("gb18030", "replace").strip()
