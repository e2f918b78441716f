"""The life of a waybill: which event may follow which, who may report it, and when it can have happened.

consigned → loaded → departed → arrived → signed; cancelled only before departure. The times follow the
order of `domain.md` §2.1.2: consignment ≤ despatch ≤ receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FUTURE: Final = timedelta(minutes=5)
"""How far a reporter's clock may run ahead."""


class WaybillStatus(StrEnum):
    """Where a waybill stands."""

    CONSIGNED = "consigned"
    LOADED = "loaded"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    SIGNED = "signed"
    CANCELLED = "cancelled"


class EventKind(StrEnum):
    """What can be reported."""

    LOADED = "loaded"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    SIGNED = "signed"
    CANCELLED = "cancelled"


class Party(StrEnum):
    """Who reports."""

    SHIPPER = "shipper"
    CARRIER = "carrier"


BEFORE: Final[dict[EventKind, frozenset[WaybillStatus]]] = {
    EventKind.LOADED: frozenset({WaybillStatus.CONSIGNED}),
    EventKind.DEPARTED: frozenset({WaybillStatus.LOADED}),
    EventKind.ARRIVED: frozenset({WaybillStatus.DEPARTED}),
    EventKind.SIGNED: frozenset({WaybillStatus.ARRIVED}),
    EventKind.CANCELLED: frozenset({WaybillStatus.CONSIGNED, WaybillStatus.LOADED}),
}
"""States in which an event may happen."""

REPORTERS: Final[dict[EventKind, frozenset[Party]]] = {
    EventKind.LOADED: frozenset({Party.CARRIER}),
    EventKind.DEPARTED: frozenset({Party.CARRIER}),
    EventKind.ARRIVED: frozenset({Party.CARRIER}),
    EventKind.SIGNED: frozenset(Party),
    EventKind.CANCELLED: frozenset(Party),
}
"""The receipt may be entered by the carrier who brought it back or by the shipper."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event cannot stand; texts for a person."""

    zh: str
    en: str


def refuse_event(
    kind: EventKind,
    status: WaybillStatus,
    parties: frozenset[Party],
    at: datetime,
    latest: datetime,
    now: datetime,
) -> Refusal | None:
    """Say why an event cannot stand, or None.

    Args:
        kind: The event.
        status: Of the waybill now.
        parties: What the reporter is to the waybill (both, when a firm carries its own goods).
        at: When it happened.
        latest: When the event before it happened, or the consignment.
        now: The platform's clock.
    """
    if not parties & REPORTERS[kind]:
        return Refusal(f"{kind} 须由承运方上报", f"{kind} is reported by the carrier")
    if status not in BEFORE[kind]:
        wanted = " / ".join(_in_order(BEFORE[kind]))
        return Refusal(
            f"运单状态为 {status}，须为 {wanted}", f"the waybill is {status}; {kind} follows {wanted}"
        )
    if at < latest:
        return Refusal("事件时间早于上一事件", "the event's time lies before the event before it")
    if at > now + FUTURE:
        return Refusal("事件时间在未来", "the event's time lies in the future")
    return None


def _in_order(states: frozenset[WaybillStatus]) -> Sequence[str]:
    return [state.value for state in WaybillStatus if state in states]
