"""What is posted over HTTP: the forms of MQTT, and the platform's own with the terminal named in each."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from services.telemetry.domain.documents import read_document
from services.telemetry.domain.fixes import MAX_FIXES, decode
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.domain.topics import NUMBER

MESSAGE_FAULTS: Final = frozenset({"malformed_json", "not_an_object", "too_many_positions"})
"""Reasons for which nothing of a body is kept: its sender is told."""
NAMED: Final = "terminal_number"


class UnreadablePosting(ValueError):
    """A body nothing can be kept of: where, a code, and words for a person."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code)
        self.field, self.code, self.message = field, code, message


class Posting(NamedTuple):
    """What is said of one terminal."""

    number: str
    reports: tuple[Judged, ...]
    fields: tuple[str, ...]
    """Where the body names the terminal, or the body itself."""


def read_postings(payload: bytes, own: str | None, now_ms: int) -> list[Posting]:
    """Read a body; ``own`` is the terminal that posts, None for a firm.

    Raises:
        UnreadablePosting: it is in none of the forms, or names no terminal.
    """
    document = read_document(payload, now_ms)
    if document is not None and document.answer is None:
        named = _named(own if document.terminal is None else document.terminal)
        return [Posting(named, document.reports, ("body",))]
    grouped = _by_terminal(payload)
    if grouped is not None:
        is_array = payload.lstrip()[:1] == b"["
        return [
            Posting(number, _judge(_body(items), now_ms), _fields(items, is_array=is_array))
            for number, items in grouped.items()
        ]
    return [Posting(_named(own), _judge(payload, now_ms), ("body",))]


def _body(items: Mapping[int, Any]) -> bytes:
    return json.dumps(list(items.values())).encode()


def _fields(items: Iterable[int], *, is_array: bool) -> tuple[str, ...]:
    return tuple(f"body.{index}.{NAMED}" if is_array else f"body.{NAMED}" for index in items)


def _named(number: str | None) -> str:
    if number is None:
        raise UnreadablePosting(f"body.{NAMED}", "missing", "未指明终端 / no terminal is named")
    _check_number(number, f"body.{NAMED}")
    return number


def _check_number(number: str, field: str) -> None:
    if not NUMBER.fullmatch(number):
        raise UnreadablePosting(field, "pattern", "终端编号格式不符 / not a terminal's number")


def _by_terminal(payload: bytes) -> dict[str, dict[int, dict[str, Any]]] | None:
    """Give each terminal's positions by their place where they name theirs; None where none does."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    items = document if isinstance(document, list) else [document]
    if not any(isinstance(item, dict) and NAMED in item for item in items):
        return None
    if len(items) > MAX_FIXES:
        raise UnreadablePosting("body", "too_many_positions", f"最多{MAX_FIXES}条 / at most {MAX_FIXES}")
    grouped: dict[str, dict[int, dict[str, Any]]] = {}
    for index, item in enumerate(items):
        number = item.get(NAMED) if isinstance(item, dict) else None
        if not isinstance(number, str):
            raise UnreadablePosting(f"body.{index}.{NAMED}", "missing", "未指明终端 / no terminal is named")
        _check_number(number, f"body.{index}.{NAMED}")
        rest = {name: value for name, value in item.items() if name != NAMED}
        grouped.setdefault(number, {})[index] = rest
    return grouped


def _judge(payload: bytes, now_ms: int) -> tuple[Judged, ...]:
    accepted, rejected = decode(payload, now_ms)
    if rejected and rejected[0].reason in MESSAGE_FAULTS and not accepted:
        raise UnreadablePosting("body", rejected[0].reason, "无法识别 / not a position")
    good = [Judged(time_ms, fix, None) for time_ms, fix in accepted]
    return (*good, *(Judged(now_ms, None, each) for each in rejected))
