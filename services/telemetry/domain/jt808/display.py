"""A message as an integrator reads it: one JSON object (docs/terminals.md, decode-jt808)."""

from datetime import timedelta, timezone
from typing import Any, Final

from services.telemetry.domain.instants import from_ms
from services.telemetry.domain.jt808.bodies import (
    Answer,
    Authentication,
    Body,
    Located,
    Registration,
    RegistrationReply,
    Unread,
    read_body,
)
from services.telemetry.domain.jt808.frames import Frame, Malformed, terminal_number
from services.telemetry.domain.jt808.items import Items, Value
from services.telemetry.domain.jt808.judging import NO_MILEAGE, OFFSET_COORDINATES
from services.telemetry.domain.jt808.reports import Batch, Report

GMT8: Final = timezone(timedelta(hours=8))
_SCALED: Final = (
    (0x01, "mileage_km", 10), (0x02, "fuel_l", 10), (0x03, "recorder_speed_kmh", 10),
    (0x06, "cargo_temp_c", 10), (0x30, "signal_strength", 1), (0x31, "satellites", 1),
)  # fmt: skip


def describe(frame: Frame) -> dict[str, Any]:
    """Give a whole message; what cannot be read of it has ``error``."""
    body = read_body(frame)
    version = 2019 if frame.is_2019 else 2013
    if isinstance(body, Registration) and not frame.is_2019:
        version = body.version
    return {**_head(frame, version), **_body(body)}


def describe_package(frame: Frame) -> dict[str, Any]:
    """Give one package of a message that is not whole yet."""
    return {**_head(frame, 2019 if frame.is_2019 else 2013), "body": frame.body.hex()}


def describe_fault(fault: Malformed, data: bytes) -> dict[str, Any]:
    """Give a broken frame: the error, and what could be read of it all the same."""
    readable = {} if fault.frame is None else describe(fault.frame)
    return {**readable, "error": fault.reason, "detail": fault.detail, "hex": data.hex()}


def _head(frame: Frame, version: int) -> dict[str, Any]:
    head: dict[str, Any] = {
        "msg_id": f"0x{frame.msg_id:04X}",
        "version": str(version),
        "terminal": terminal_number(frame),
        "serial": frame.serial,
    }
    if frame.total:
        head |= {"package_count": frame.total, "package_index": frame.number}
    return head


def _body(body: Body | Malformed) -> dict[str, Any]:
    shown: dict[str, Any]
    match body:
        case Malformed():
            shown = {"error": body.reason, "detail": body.detail}
        case Located():
            answered = {} if body.reply_serial is None else {"reply_serial": body.reply_serial}
            shown = {**answered, **_report(body.report)}
        case Batch():
            positions = [_batched(report) for report in body.reports]
            shown = {"count": body.announced, "batch_type": body.kind, "positions": positions}
        case Answer():
            shown = {**body._asdict(), "reply_msg_id": f"0x{body.reply_msg_id:04X}"}
        case Registration() | Authentication() | RegistrationReply():
            shown = {name: value for name, value in body._asdict().items() if name != "version"}
        case Unread():
            shown = {"body": body.body.hex()} if body.body else {}
    return shown


def _batched(report: Report | Malformed) -> dict[str, Any]:
    if isinstance(report, Malformed):
        return {"error": report.reason, "detail": report.detail}
    return _report(report)


def _report(report: Report) -> dict[str, Any]:
    time_ms = report.time_ms
    at = None if time_ms is None else from_ms(time_ms).astimezone(GMT8)
    shown: dict[str, Any] = {
        "lat": report.lat,
        "lon": report.lon,
        "altitude_m": report.altitude_m,
        "speed_kmh": report.speed_raw / 10,
        "heading_deg": report.heading_deg,
        "time": None if at is None else at.isoformat(),
        "alarm": report.alarm,
        "status": report.status,
        "items": {_item_id(number): value for number, value in report.items.values.items()},
        **_scaled(report.items),
    }
    if report.status & OFFSET_COORDINATES:
        shown["crs"] = "GCJ-02"
    if at is None:
        shown["time_bcd"] = report.time.hex()
    if report.items.repeated:
        shown["items_repeated"] = [[_item_id(number), value] for number, value in report.items.repeated]
    if report.items.fault is not None:
        shown |= {"error": "items_cut_off", "detail": report.items.fault}
    return shown


def _item_id(number: int) -> str:
    return f"0x{number:02X}"


def _scaled(items: Items) -> dict[str, float]:
    shown: dict[str, float] = {}
    for number, name, divisor in _SCALED:
        value: Value | None = items.values.get(number)
        if isinstance(value, int) and not (name == "mileage_km" and value == NO_MILEAGE):
            shown[name] = value / divisor if divisor > 1 else value
    return shown
