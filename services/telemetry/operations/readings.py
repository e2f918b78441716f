"""Readings of positions on record: committed before the answer, one entry a firm whose vehicles it shows.

A firm is shown the entries about its own, so none of them names another firm or its vehicles. What is on
record is who read, in which role and what for, and of which vehicles or of which place and time; never a
position. A firm's own readings, and those of services, are not on record; its exports are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.shared.audit import AccessLog, Reading
from services.shared.auth import Principal, Role
from services.shared.errors import FieldError
from services.shared.geo import Bbox
from services.shared.ids import new_id
from services.shared.schemas import format_instant
from services.telemetry.errors import PurposeRequired
from services.telemetry.queries.positions import Firms

STANDS: Final = timedelta(minutes=10)
"""How long one entry stands for what goes on: a map, a stream."""
_MOST_WATCHES: Final = 2_000
_FIELDS: Final = ("positions",)

Extent = Mapping[str, Any]
_Entry = tuple[UUID | None, UUID, Extent]
"""Whose, about what, of which extent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for positions: who, what for, when, and where it goes on record."""

    who: Principal
    purpose: str | None
    at: datetime
    request_id: str
    log: AccessLog

    @property
    def is_on_record(self) -> bool:
        """Whether the reader sees what is not its own."""
        return self.who.role is Role.police or self.who.is_bureau

    def must_state_purpose(self) -> None:
        """Refuse who sees what is not its own and does not say what for.

        Raises:
            PurposeRequired: so it is.
        """
        if self.is_on_record and self.purpose is None:
            message = "查询他人车辆位置须说明用途 / a purpose must be stated to read others' positions"
            raise PurposeRequired(errors=[FieldError("query.purpose", "missing", message)])


async def record_vehicles(
    asked: Asked, kind: str, owners: Mapping[UUID, UUID], extent: Extent, *, always: bool = False
) -> None:
    """Put a reading of named vehicles on record, ``owners`` by vehicle; ``always`` also a firm's own."""
    if not (asked.is_on_record or always):
        return
    reading_id = new_id()
    firms: dict[UUID, list[UUID]] = {}
    for vehicle_id, firm in sorted(owners.items()):
        firms.setdefault(firm, []).append(vehicle_id)
    entries: list[_Entry] = [
        (
            firm,
            vehicles[0] if len(vehicles) == 1 else reading_id,
            {**extent, "vehicle_ids": [str(each) for each in vehicles]},
        )
        for firm, vehicles in firms.items()
    ]
    await _record(asked, kind, entries or [(None, reading_id, extent)])


async def record_firms(
    asked: Asked, kind: str, firms: Firms, extent: Extent, *, always: bool = False
) -> None:
    """Put a reading of what was found somewhere on record; of nothing it is one entry of nobody's."""
    if not (asked.is_on_record or always):
        return
    reading_id = new_id()
    entries: list[_Entry] = [
        (firm, reading_id, {**extent, "vehicles": count}) for firm, count in sorted(firms.items())
    ]
    await _record(asked, kind, entries or [(None, reading_id, {**extent, "vehicles": 0})])


async def _record(asked: Asked, kind: str, entries: Sequence[_Entry]) -> None:
    reads = [Reading(kind, about, firm, _FIELDS, asked.purpose, extent) for firm, about, extent in entries]
    await asked.log.record_all(asked.who, reads, asked.at, asked.request_id)


def box_extent(box: Bbox | None) -> dict[str, Any]:
    """Give how a box stands on record."""
    return {} if box is None else {"bbox": [box.west, box.south, box.east, box.north]}


def window_extent(window: tuple[datetime, datetime]) -> dict[str, Any]:
    """Give how a window stands on record."""
    return {"from": format_instant(window[0]), "to": format_instant(window[1])}


@dataclass(slots=True)
class _Watch:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: dict[UUID | None, datetime] = field(default_factory=dict)
    """Firm → when its last entry was made; None where nothing was shown."""


class Watches:
    """What goes on: an entry stands for ten minutes of the same reader, purpose and place.

    A firm that comes into view later gets its entry then.
    """

    def __init__(self) -> None:
        self._watches: OrderedDict[tuple[Any, ...], _Watch] = OrderedDict()

    async def record(self, asked: Asked, kind: str, firms: Firms, extent: Extent) -> None:
        """Put on record the firms that no standing entry names yet."""
        if not asked.is_on_record:
            return
        watch = self._watch((asked.who.subject, asked.who.role, asked.purpose, kind, repr(extent)))
        async with watch.lock:
            since = asked.at - STANDS
            known = {firm for firm, at in watch.told.items() if at > since}
            fresh = {firm: count for firm, count in firms.items() if firm not in known}
            if not fresh and (firms or known):
                return
            await record_firms(asked, kind, fresh, {**extent, "stands_for_s": int(STANDS.total_seconds())})
            watch.told |= dict.fromkeys(fresh or [None], asked.at)

    def _watch(self, key: tuple[Any, ...]) -> _Watch:
        watch = self._watches.pop(key, None) or _Watch()
        self._watches[key] = watch
        if len(self._watches) > _MOST_WATCHES:
            self._watches.popitem(last=False)
        return watch
