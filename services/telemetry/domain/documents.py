"""Positions in other projects' JSON: OwnTracks, Traccar's forwarding, EMQX's JT/T 808 gateway; 808 bytes.

Each is turned into the platform's own form and judged as that is, so that a fix is good or bad for the same
reasons whoever passes it on. An answer to a command comes the same way (docs/terminals.md).
"""

import json
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.telemetry.domain.fixes import MAX_FIXES, Rejected, decode
from services.telemetry.domain.jt808.bodies import BATCH, REPORT, REPORT_ANSWER
from services.telemetry.domain.jt808.judging import Judged, judge_message
from services.telemetry.domain.topics import NUMBER

KNOT_KMH: Final = 1.852
OTHER_OWNTRACKS: Final = frozenset(
    {"card", "cmd", "configuration", "dump", "lwt", "request", "status", "steps", "transition", "waypoint",
     "waypoints"}
)  # fmt: skip
"""What OwnTracks publishes beside locations; no position, and nothing wrong."""
_REPORT = struct.Struct("!IIIIHHH")
_REPORT_FIELDS = ("alarm", "status", "latitude", "longitude", "altitude", "speed", "direction")
_RESULTS: Final = range(4)


class CommandAnswer(NamedTuple):
    """What a terminal says came of a command; the numbers of JT/T 808's 0x0001."""

    command_id: UUID
    result: int


class Document(NamedTuple):
    """What a document says; ``terminal`` is whom it names, None its sender, "" nobody there can be."""

    terminal: str | None = None
    reports: tuple[Judged, ...] = ()
    answer: CommandAnswer | None = None


def read_document(payload: bytes, now_ms: int) -> Document | None:
    """Read a document in one of these forms; None when it is in none of them."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for members, read in _FORMS.items():
        if document.keys() >= set(members):
            try:
                found = read(document, payload, now_ms)
            except Exception as error:  # noqa: BLE001  whatever is in it, it is one message's fault
                return Document(reports=(_refused("undecodable", type(error).__name__, payload, now_ms),))
            is_named = found.terminal is None or NUMBER.fullmatch(found.terminal)
            return found if is_named else found._replace(terminal="")
    return None


def _judge(item: dict[str, Any], payload: bytes, now_ms: int) -> Judged:
    """Judge one position in the platform's own form; what is rejected is kept as it came."""
    accepted, rejected = decode(json.dumps(item).encode(), now_ms)
    if accepted:
        return Judged(*accepted[0], None)
    return Judged(now_ms, None, rejected[0]._replace(raw=payload))


def _refused(reason: str, detail: str, payload: bytes, now_ms: int) -> Judged:
    return Judged(now_ms, None, Rejected(reason, detail[:200], payload))


def _read_answer(document: dict[str, Any], payload: bytes, now_ms: int) -> Document:
    try:
        command_id = UUID(document["command_id"])
    except (ValueError, TypeError, AttributeError):
        return Document(reports=(_refused("answer_invalid", "command_id", payload, now_ms),))
    result = document["result"]
    if type(result) is not int or result not in _RESULTS:
        return Document(reports=(_refused("answer_invalid", "result", payload, now_ms),))
    return Document(answer=CommandAnswer(command_id, result))


def _read_owntracks(document: dict[str, Any], payload: bytes, now_ms: int) -> Document:
    kind = document["_type"]
    if isinstance(kind, str) and kind in OTHER_OWNTRACKS:
        return Document()
    if kind != "location":
        return Document(reports=(_refused("unknown_format", f"_type {kind}", payload, now_ms),))
    item = {"time": document.get("tst"), "lon": document.get("lon"), "lat": document.get("lat")}
    for theirs, ours in (("vel", "speed_kmh"), ("cog", "heading_deg"), ("alt", "altitude_m")):
        value = document.get(theirs)
        if value is not None and not (theirs != "alt" and value == -1):  # -1: not known
            item[ours] = value
    return Document(reports=(_judge(item, payload, now_ms),))


def _read_traccar(document: dict[str, Any], payload: bytes, now_ms: int) -> Document:
    position, device = document["position"], document["device"]
    if not isinstance(position, dict) or not isinstance(device, dict):
        return Document(reports=(_refused("unknown_format", "position or device", payload, now_ms),))
    terminal = str(device.get("uniqueId"))
    if position.get("valid") is False or position.get("outdated") is True:
        refused = _refused("not_positioned", "valid false or outdated", payload, now_ms)
        return Document(terminal, (refused,))
    item = {
        "time": _with_offset(position.get("fixTime")),
        "lon": position.get("longitude"),
        "lat": position.get("latitude"),
        "altitude_m": position.get("altitude"),
        "speed_kmh": _scaled(position.get("speed"), KNOT_KMH),
        "heading_deg": position.get("course"),
        "mileage_km": _mileage(position.get("attributes")),
    }
    return Document(terminal, (_judge(item, payload, now_ms),))


def _with_offset(time: Any) -> Any:
    """Give RFC 3339; older versions write the offset without its colon."""
    try:
        return datetime.fromisoformat(time).isoformat() if isinstance(time, str) else time
    except ValueError:
        return time


def _scaled(value: Any, factor: float) -> Any:
    try:
        return value * factor if type(value) in {int, float} else value
    except OverflowError:  # out of any range, as it stands
        return value


def _mileage(attributes: Any) -> Any:
    """Give kilometres: the odometer's, else what Traccar has added up."""
    if not isinstance(attributes, dict):
        return None
    metres = attributes.get("odometer", attributes.get("totalDistance"))
    return _scaled(metres, 0.001)


def _read_emqx(document: dict[str, Any], payload: bytes, now_ms: int) -> Document:
    header, body = document["header"], document["body"]
    if not isinstance(header, dict) or not isinstance(body, dict):
        return Document(reports=(_refused("unknown_format", "header or body", payload, now_ms),))
    terminal = str(header.get("phone")).lstrip("0")
    by_message: dict[Any, Any] = {
        REPORT: [body], REPORT_ANSWER: [body.get("params")], BATCH: body.get("location"),
    }  # fmt: skip
    msg_id = header.get("msg_id")
    found = by_message.get(msg_id, []) if isinstance(msg_id, int) else []
    if not isinstance(found, list):
        return Document(terminal, (_refused("unknown_format", "location", payload, now_ms),))
    if len(found) > MAX_FIXES:
        return Document(
            terminal, (_refused("too_many_positions", f"more than {MAX_FIXES}", payload, now_ms),)
        )
    return Document(terminal, tuple(_judge_emqx(each, payload, now_ms) for each in found))


def _judge_emqx(location: Any, payload: bytes, now_ms: int) -> Judged:
    """Judge one report whose fields stand as integers of the wire."""
    try:
        data = _REPORT.pack(*(location[name] for name in _REPORT_FIELDS)) + bytes.fromhex(location["time"])
        extra = location.get("extra") or {}
        if "mileage" in extra:
            data += b"\x01\x04" + struct.pack("!I", extra["mileage"])
        if "carriage_temp" in extra:
            data += b"\x06\x02" + struct.pack("!H", extra["carriage_temp"] & 0xFFFF)
    except (struct.error, KeyError, TypeError, ValueError, AttributeError) as error:
        return _refused("wrong_type", f"{type(error).__name__}: {error}", payload, now_ms)
    (judged,) = judge_message(REPORT, data, now_ms)
    kept = judged.rejected
    return judged if kept is None else judged._replace(rejected=kept._replace(raw=payload))


def _read_jt808(document: dict[str, Any], payload: bytes, now_ms: int) -> Document:
    """Read the body of a JT/T 808 message, as quarantine keeps those that were refused."""
    try:
        msg_id, body = int(document["jt808"], 16), bytes.fromhex(document["body"])
    except (ValueError, TypeError):
        msg_id, body = 0, b""
    if msg_id not in {REPORT, REPORT_ANSWER, BATCH}:
        return Document(reports=(_refused("unknown_format", "jt808", payload, now_ms),))
    return Document(reports=tuple(judge_message(msg_id, body, now_ms)))


_FORMS: Final[dict[tuple[str, ...], Callable[[dict[str, Any], bytes, int], Document]]] = {
    ("command_id", "result"): _read_answer,
    ("_type",): _read_owntracks,
    ("position", "device"): _read_traccar,
    ("jt808", "body"): _read_jt808,
    ("header", "body"): _read_emqx,
}
"""The members that tell a form."""
