"""Decoding a terminal's message and judging each fix by itself (design.md, Positions and MQTT contract).

Nothing here depends on what came before. The common message is decoded in one typed step by msgspec; only
when that fails is it taken apart item by item, so that one bad fix does not take the good ones of its array
along, and each bad one is named with its reason.
"""

import json
import math
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from services.shared.standards import coordinates
from services.telemetry.domain.instants import EPOCH, MILLISECOND

MAX_FIXES = 2000
FUTURE_MS: Final = 5 * 60_000
AGE_MS: Final = 30 * 86_400_000
SECONDS_BELOW: Final = 1e11
"""Epoch numbers below this are seconds, from it on milliseconds (design.md, Codes)."""
NULL_ISLAND_DEG = 1e-4
INT_MAX = 2**53 - 1


LoadState = Literal["empty", "partial", "full"]
Crs = Literal["WGS-84", "GCJ-02", "BD-09"]
_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]

_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "lon": (-180, 180),
    "lat": (-90, 90),
    "speed_kmh": (0, 400),
    "heading_deg": (0, 360),
    "altitude_m": (-1000, 10_000),
    "mileage_km": (0, 100_000_000),
    "soc_pct": (0, 100),
    "cargo_temp_c": (-273, 500),
}
_COUNTERS: Final = ("boot", "seq")
_REQUIRED: Final = ("time", "lon", "lat")


def bounds(name: str) -> tuple[float, float]:
    """Give the least and the greatest value a member may have."""
    return _BOUNDS[name]


def _bounded(name: str) -> msgspec.Meta:
    low, high = _BOUNDS[name]
    return msgspec.Meta(ge=low, le=high)


class Fix(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One position as a terminal sends it; after judgement ``lon`` and ``lat`` are WGS-84."""

    time: _Aware | float
    lon: Annotated[float, _bounded("lon")]
    lat: Annotated[float, _bounded("lat")]
    speed_kmh: Annotated[float, _bounded("speed_kmh")] | None = None
    heading_deg: Annotated[float, _bounded("heading_deg")] | None = None
    altitude_m: Annotated[float, _bounded("altitude_m")] | None = None
    mileage_km: Annotated[float, _bounded("mileage_km")] | None = None
    soc_pct: Annotated[float, _bounded("soc_pct")] | None = None
    cargo_temp_c: Annotated[float, _bounded("cargo_temp_c")] | None = None
    load_state: LoadState | None = None
    boot: _Number | None = None
    seq: _Number | None = None
    crs: Crs = "WGS-84"


class Rejected(NamedTuple):
    """A fix, or a message that is none, that goes to quarantine."""

    reason: str
    detail: str
    raw: bytes
    boot: int | None = None
    seq: int | None = None


Accepted = tuple[int, Fix]
"""A good fix with its time in milliseconds of the epoch; a plain tuple, for there are many."""

decode_typed = msgspec.json.Decoder(Fix | list[Fix]).decode
"""Decodes a message in the common form; raises one of `UNDECODABLE` for any other."""
UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)


def decode(payload: bytes, now_ms: int) -> tuple[list[Accepted], list[Rejected]]:
    """Decode one message received at ``now_ms`` into good and bad fixes."""
    try:
        decoded = decode_typed(payload)
    except UNDECODABLE:
        return _examine_message(payload, now_ms)
    if isinstance(decoded, Fix):
        judged = judge(decoded, now_ms)
        return ([(judged, decoded)], []) if isinstance(judged, int) else ([], [judged])
    if len(decoded) > MAX_FIXES:
        return [], [Rejected("too_many_positions", f"more than {MAX_FIXES}", payload)]
    accepted: list[Accepted] = []
    rejected: list[Rejected] = []
    for fix in decoded:
        judged = judge(fix, now_ms)
        if isinstance(judged, int):
            accepted.append((judged, fix))
        else:
            rejected.append(judged)
    return accepted, rejected


def judge(fix: Fix, now_ms: int) -> int | Rejected:
    """Give the time of a well-formed fix in ms, its coordinates turned to WGS-84; or why it is rejected."""
    at = fix.time
    if isinstance(at, datetime):
        time_ms = (at - EPOCH) // MILLISECOND  # `to_ms` without a call for each fix
    else:
        # A number far out stays as it is, in whichever unit: as milliseconds it could be beyond any float.
        time_ms = int(at) if abs(at) >= SECONDS_BELOW else round(at * 1000)
    if time_ms > now_ms + FUTURE_MS:
        return _reject("time_in_future", fix, "more than 5 min ahead of the platform's clock")
    if time_ms < now_ms - AGE_MS:
        return _reject("time_too_old", fix, "older than 30 days")
    if -NULL_ISLAND_DEG < fix.lon < NULL_ISLAND_DEG and -NULL_ISLAND_DEG < fix.lat < NULL_ISLAND_DEG:
        return _reject("null_island", fix, "0, 0 is what a receiver without a fix reports")
    if fix.crs != "WGS-84":
        given = fix.lon, fix.lat
        fix.lon, fix.lat = coordinates.convert(*given, coordinates.Crs(fix.crs))
        if abs(fix.lon) > _BOUNDS["lon"][1] or abs(fix.lat) > _BOUNDS["lat"][1]:
            fix.lon, fix.lat = given
            return _reject("out_of_range", fix, "beyond the earth once turned to WGS-84")
    return time_ms


def _reject(reason: str, fix: Fix, detail: str) -> Rejected:
    return Rejected(reason, detail, msgspec.json.encode(fix), fix.boot, fix.seq)


# -- the careful way: only for messages the typed decoder refused
# ------------------------------------------------


def _examine_message(payload: bytes, now_ms: int) -> tuple[list[Accepted], list[Rejected]]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError) as error:
        return [], [Rejected("malformed_json", str(error)[:200], payload)]
    if isinstance(document, dict):
        items = [document]
    elif isinstance(document, list):
        items = document
    else:
        return [], [Rejected("not_an_object", type(document).__name__, payload)]
    if len(items) > MAX_FIXES:
        return [], [Rejected("too_many_positions", f"more than {MAX_FIXES}", payload)]
    accepted: list[Accepted] = []
    rejected: list[Rejected] = []
    for item in items:
        fault = _fault(item)
        if fault is not None:
            raw = payload if item is document else _raw(item)
            rejected.append(Rejected(*fault, raw, *_counters(item)))
            continue
        fix = msgspec.convert(item, Fix)
        judged = judge(fix, now_ms)
        if isinstance(judged, int):
            accepted.append((judged, fix))
        else:
            rejected.append(judged)
    return accepted, rejected


def _fault(item: Any) -> tuple[str, str] | None:
    """Give (reason, detail) of the first thing wrong with a decoded item, or None."""
    if not isinstance(item, dict):
        return "not_an_object", type(item).__name__
    unknown = sorted(item.keys() - set(Fix.__struct_fields__))
    if unknown:
        return "unknown_field", ascii(unknown[0])[:100]
    missing = [name for name in _REQUIRED if item.get(name) is None]
    if missing:
        return "missing_field", missing[0]
    return _number_fault(item) or _code_fault(item) or _convert_fault(item)


def _number_fault(item: dict[str, Any]) -> tuple[str, str] | None:
    for name, (low, high) in _BOUNDS.items():
        value = item.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "wrong_type", name
        if not math.isfinite(value) if isinstance(value, float) else False:
            return "not_finite", name
        if not low <= value <= high:
            return "out_of_range", name
    for name in _COUNTERS:
        value = item.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            return "wrong_type", name
        if value is not None and not 0 <= value <= INT_MAX:
            return "out_of_range", name
    return None


def _code_fault(item: dict[str, Any]) -> tuple[str, str] | None:
    if "crs" in item and item["crs"] not in Crs.__args__:  # type: ignore[attr-defined]  # the alternatives of a Literal
        return "unknown_crs", ascii(item["crs"])[:100]
    time = item["time"]
    if isinstance(time, float) and not math.isfinite(time):
        return "not_finite", "time"
    if isinstance(time, bool) or not isinstance(time, str | int | float):
        return "wrong_type", "time"
    return None


def _convert_fault(item: dict[str, Any]) -> tuple[str, str] | None:
    try:
        if isinstance(item["time"], int):
            item["time"] = float(item["time"])
        msgspec.convert(item, Fix)
    except OverflowError as error:
        return "time_invalid", str(error)[:200]
    except UNDECODABLE as error:  # a ValueError too: half of a surrogate pair is no text
        of_time = "$.time" in str(error) or _is_no_text(item["time"])
        return "time_invalid" if of_time else "wrong_type", str(error)[:200]
    return None


def _is_no_text(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)


def _raw(item: Any) -> bytes:
    try:
        return json.dumps(item).encode()
    except (ValueError, RecursionError):
        return b""


def _counters(item: Any) -> tuple[int | None, int | None]:
    """Give boot and seq of a rejected item where readable: it is finished with, so it is receipted."""
    if not isinstance(item, dict):
        return None, None
    found = [
        item.get(name) if type(item.get(name)) is int and 0 <= item[name] <= INT_MAX else None
        for name in _COUNTERS
    ]
    return found[0], found[1]
