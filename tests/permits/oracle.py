"""The definition of a verdict, written out anew: plain dictionaries, squares, minutes, possible worlds.

Reads nothing of the code under test. China has one offset and no summer time, so wall time is UTC + 8 h.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

Json = dict[str, Any]
_MILDNESS = {"allow": 0, "permit_required": 1, "ban": 2}
_CITY = timedelta(hours=8)
_IN_ORDER: list[tuple[datetime, list[str]]] = [(datetime(1970, 1, 1, tzinfo=UTC), [])]


@dataclass
class World:
    """All that is the case. Squares are (west, south, east, north); instants are aware."""

    areas: list[Json] = field(default_factory=list)
    rules: list[Json] = field(default_factory=list)
    vehicles: list[Json] = field(default_factory=list)
    grants: list[Json] = field(default_factory=list)
    standings: dict[Any, list[tuple[datetime, str, list[str]]]] = field(default_factory=dict)
    """Of each firm: since when, as decided, and which licences have run out."""

    def verdict(self, plate: str, color: int, point: tuple[float, float], at: datetime) -> str:
        """allowed, denied or undetermined at an instant."""
        return self._verdict(self.registration(plate, color, at), color, point, at, at)

    def until(
        self, plate: str, color: int, point: tuple[float, float], at: datetime, step: timedelta
    ) -> datetime | None:
        """The first instant within eight days at which the verdict is another; instants are whole steps."""
        vehicle = self.registration(plate, color, at)
        first = self._verdict(vehicle, color, point, at, at)
        instant = at + step
        while instant < at + timedelta(days=8):
            if vehicle and vehicle["to"] is not None and instant >= vehicle["to"]:
                return instant
            if self._verdict(vehicle, color, point, instant, at) != first:
                return instant
            instant += step
        return None

    def obstacles(self, plate: str, color: int, at: datetime) -> list[str]:
        """Codes of what keeps the vehicle from operating at all."""
        vehicle = self.registration(plate, color, at)
        if vehicle is None:
            return []
        _, status, licences = _last(self.standings[vehicle["enterprise"]], at)
        found = [] if status == "active" else ["enterprise_not_active"]
        found += ["enterprise_lapsed"] if licences else []
        return found + (["vehicle_lapsed"] if _last(vehicle.get("papers", _IN_ORDER), at)[1] else [])

    def _verdict(
        self, vehicle: Json | None, color: int, point: tuple[float, float], instant: datetime, asked: datetime
    ) -> str:
        """What is the case at an instant, permits as they stand when asked."""
        if vehicle is None:
            return self._judge({"plate_color": color}, [], point, instant, asked)
        _, status, licences = _last(self.standings[vehicle["enterprise"]], instant)
        papers = _last(vehicle.get("papers", _IN_ORDER), instant)[1]
        if status != "active" or licences or papers:
            return "denied"
        grants = [g for g in self.grants if g["vehicle"] == vehicle["id"]]
        return self._judge(vehicle["facts"], grants, point, instant, asked)

    def registration(self, plate: str, color: int, at: datetime) -> Json | None:
        """The vehicle under a plate at an instant."""
        for v in self.vehicles:
            if (v["plate"], v["facts"]["plate_color"]) == (plate, color) and _within(v, at):
                return v
        return None

    def _judge(
        self, facts: Json, grants: list[Json], point: tuple[float, float], instant: datetime, asked: datetime
    ) -> str:
        place = {a["id"] for a in self.areas if _within(a, instant) and _inside(a["square"], point)}
        sure: list[Json] = []
        doubtful: list[Json] = []
        for rule in self.rules:
            if not (set(rule["areas"]) & place and _within(rule, instant) and _hours(rule, instant)):
                continue
            answers = [_holds(name, bound, facts) for name, bound in rule["conditions"].items()]
            if False in answers:
                continue
            (doubtful if None in answers else sure).append(rule)
        outcomes = set()
        for choice in product((False, True), repeat=len(doubtful)):
            holding = sure + [rule for rule, holds in zip(doubtful, choice, strict=True) if holds]
            outcomes.add(_decide(holding, grants, place, instant, asked))
        return outcomes.pop() if len(outcomes) == 1 else "undetermined"


def _last(history: list[Any], at: datetime) -> Any:
    """The last entry that has begun, else the first."""
    ordered = sorted(history)
    begun = [entry for entry in ordered if entry[0] <= at]
    return begun[-1] if begun else ordered[0]


def _decide(
    rules: list[Json], grants: list[Json], place: set[Any], instant: datetime, asked: datetime
) -> str:
    if not rules:
        return "allowed"
    top = max(rule["priority"] for rule in rules)
    highest = [rule for rule in rules if rule["priority"] == top]
    mildest = min(_MILDNESS[rule["effect"]] for rule in highest)
    deciding = [rule for rule in highest if _MILDNESS[rule["effect"]] == mildest]
    return "allowed" if all(_lifted(rule, grants, place, instant, asked) for rule in deciding) else "denied"


def _lifted(rule: Json, grants: list[Json], place: set[Any], instant: datetime, asked: datetime) -> bool:
    if rule["effect"] == "allow":
        return True
    return any(
        grant["lifts"] == rule["effect"]
        and (rule["effect"] == "ban" or not rule["types"] or grant["type"] in rule["types"])
        and set(grant["areas"]) & place
        and _within(grant, instant)
        and _hours(grant, instant)
        and _not_revoked(grant, instant, asked)
        for grant in grants
    )


def _not_revoked(grant: Json, instant: datetime, asked: datetime) -> bool:
    """A revocation is known from its instant on; before it the grant counts up to it."""
    revoked = grant.get("revoked")
    return revoked is None or (asked < revoked and instant < revoked)


def _within(timed: Json, at: datetime) -> bool:
    return bool(timed["from"] <= at and (timed["to"] is None or at < timed["to"]))


def _inside(square: tuple[float, float, float, float], point: tuple[float, float]) -> bool:
    west, south, east, north = square
    return west <= point[0] <= east and south <= point[1] <= north


def _hours(timed: Json, at: datetime) -> bool:
    wall = at + _CITY
    minute, today = wall.hour * 60 + wall.minute, wall.isoweekday()
    yesterday = (today - 2) % 7 + 1
    if not timed["windows"]:
        return today in timed["weekdays"]
    for start, end in timed["windows"]:
        if start < end:
            if today in timed["weekdays"] and start <= minute < end:
                return True
        elif (today in timed["weekdays"] and minute >= start) or (
            yesterday in timed["weekdays"] and minute < end
        ):
            return True
    return False


def _holds(name: str, wanted: Any, facts: Json) -> bool | None:
    fact = {"plate_colors": "plate_color", "vehicle_types": "vehicle_type", "powertrains": "powertrain"}.get(
        name, name.removeprefix("min_").removeprefix("max_")
    )
    value = facts.get(fact)
    if value is None:
        return None
    if name == "vehicle_types":
        return any(value.startswith(prefix) for prefix in wanted)
    if name.startswith("min_"):
        return bool(value >= wanted)
    if name.startswith("max_"):
        return bool(value <= wanted)
    return value in wanted
