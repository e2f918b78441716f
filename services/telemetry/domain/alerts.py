"""Alerts: what visits and episodes mean to the rules in force, and the city's standing alerts.

An area rule raises an alert for a visit to one of its areas: `area_entered`, when it was in force on
entering, for as long as the vehicle is inside; `area_left`, when it was in force on leaving, at that instant.
Episodes of temperature, silence, the city's speed limit and a device's alarms raise one each without a rule;
those of a rule's speed limit raise the rule's. So alerts are as much a function of the fixes as these are.

What a device reports where it has no position (the emergency button works in a garage) is no part of any
walk: such alerts are a function of these reports alone, and end with the last one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from services.telemetry.domain.crossings import NEVER_MS
from services.telemetry.domain.episodes import (
    DEVICE_ALARMS,
    Episode,
    EpisodeConfig,
    Reading,
    SpeedLimit,
    Watch,
)
from services.telemetry.domain.names import name_of
from services.telemetry.domain.visits import Visit

AlertKind = Literal["area_entered", "area_left", "overspeed", "silence", "temperature", "device_alarm"]
Severity = Literal["info", "warning", "critical"]

_CRITICAL: Final = frozenset({"emergency", "stolen", "collision", "rollover"})
_FAULTS: Final = frozenset(
    {
        "gnss_fault", "antenna_open", "antenna_short", "display_fault", "tts_fault", "camera_fault",
        "ic_card_fault", "speed_sensor_fault",
    }
)  # fmt: skip


class AlertRule(msgspec.Struct, frozen=True):
    """What a rule says over a half-open interval of ms since the epoch; None is no condition."""

    rule_id: UUID
    owner_enterprise_id: UUID | None
    severity: Severity
    from_ms: int
    to_ms: int | None = None
    area_id: UUID | None = None
    area_kind: str | None = None
    events: frozenset[str] = frozenset()
    limit_kmh: float | None = None
    vehicle_ids: frozenset[UUID] | None = None
    enterprise_ids: frozenset[UUID] | None = None

    def concerns(self, vehicle_id: UUID, enterprise_id: UUID) -> bool:
        """Whether it is about a vehicle: a firm's only about its own."""
        if self.owner_enterprise_id not in {None, enterprise_id}:
            return False
        if self.enterprise_ids is not None and enterprise_id not in self.enterprise_ids:
            return False
        return self.vehicle_ids is None or vehicle_id in self.vehicle_ids

    def holds(self, time_ms: int) -> bool:
        """Whether it is in force."""
        return self.from_ms <= time_ms < (NEVER_MS if self.to_ms is None else self.to_ms)


class Alert(msgspec.Struct, frozen=True):
    """An alert of a vehicle, ms since the epoch; open while `ended_ms` is None."""

    id: UUID
    vehicle_id: UUID
    kind: AlertKind
    severity: Severity
    started_ms: int
    ended_ms: int | None
    rule_id: UUID | None = None
    for_offices: bool = False
    area_id: UUID | None = None
    visit_id: UUID | None = None
    device_alarm: str | None = None
    without_position: bool = False
    value: float | None = None
    limit_value: float | None = None


class VehicleRules:
    """The rules about one vehicle."""

    def __init__(self, rules: Iterable[AlertRule], area_kinds: Mapping[UUID, str]) -> None:
        self._rules = list(rules)
        self._area_rules = [rule for rule in self._rules if rule.limit_kmh is None]
        self._area_kinds = area_kinds
        self.speed_limits = tuple(
            SpeedLimit(rule.rule_id, rule.limit_kmh, rule.from_ms, rule.to_ms)
            for rule in self._rules
            if rule.limit_kmh is not None
        )

    def of_visits(self, visits: Iterable[Visit]) -> list[Alert]:
        """Give the alerts visits raise."""
        if not self._area_rules:
            return []
        return [alert for visit in visits for rule in self._about(visit) for alert in _of_visit(rule, visit)]

    def of_episodes(self, episodes: Iterable[Episode]) -> list[Alert]:
        """Give the alerts episodes are."""
        return [self._of_episode(episode) for episode in episodes]

    def _about(self, visit: Visit) -> list[AlertRule]:
        kind = self._area_kinds.get(visit.area_id)
        return [
            rule
            for rule in self._area_rules
            if rule.area_id == visit.area_id or (rule.area_kind is not None and rule.area_kind == kind)
        ]

    def _of_episode(self, episode: Episode) -> Alert:
        rule = self._of_key(episode.key, episode.started_ms) if episode.kind == "overspeed" else None
        return Alert(
            episode.id,
            episode.vehicle_id,
            episode.kind,
            rule.severity if rule else _severity(episode.key),
            episode.started_ms,
            episode.ended_ms,
            rule_id=rule.rule_id if rule else None,
            for_offices=rule is not None and rule.owner_enterprise_id is None,
            device_alarm=episode.key if episode.kind == "device_alarm" else None,
            value=episode.worst,
            limit_value=episode.limit,
        )

    def _of_key(self, key: str, time_ms: int) -> AlertRule | None:
        """Give what the rule of a speed limit said at an instant."""
        said = (rule for rule in self._rules if str(rule.rule_id) == key and rule.holds(time_ms))
        return next(said, None)


class RuleBook:
    """All rules there are and were."""

    def __init__(self, rules: Iterable[AlertRule], area_kinds: Mapping[UUID, str]) -> None:
        self._rules = list(rules)
        self._area_kinds = area_kinds
        self._known: dict[UUID, VehicleRules] = {}

    def about(self, vehicle_id: UUID, enterprise_id: UUID) -> VehicleRules:
        """Give those about one vehicle."""
        found = self._known.get(vehicle_id)
        if found is None:
            about = (rule for rule in self._rules if rule.concerns(vehicle_id, enterprise_id))
            found = self._known[vehicle_id] = VehicleRules(about, self._area_kinds)
        return found


def _of_visit(rule: AlertRule, visit: Visit) -> Iterable[Alert]:
    ends: dict[AlertKind, tuple[int | None, int | None]] = {
        "area_entered": (visit.entered_ms, visit.left_ms),
        "area_left": (visit.left_ms, visit.left_ms),
    }
    for kind, (start, end) in ends.items():
        if start is not None and kind.removeprefix("area_") in rule.events and rule.holds(start):
            yield Alert(
                name_of(visit.id, f"{kind}/{rule.rule_id}"),
                visit.vehicle_id,
                kind,
                rule.severity,
                start,
                end,
                rule_id=rule.rule_id,
                for_offices=rule.owner_enterprise_id is None,
                area_id=visit.area_id,
                visit_id=visit.id,
            )


def of_unplaced(vehicle_id: UUID, reports: Sequence[tuple[int, int]], config: EpisodeConfig) -> list[Alert]:
    """Give the alerts of reports without a position: (ms since the epoch, alarm bits) in time order."""
    watch = Watch(vehicle_id, config, ())
    for bit, name in DEVICE_ALARMS.items():
        if any(bits >> bit & 1 for _, bits in reports):
            readings = (Reading(time_ms, bool(bits >> bit & 1)) for time_ms, bits in reports)
            watch.over("device_alarm", name, readings)
    episodes = [*watch.ended, *(run.episode(vehicle_id, run.last_ms) for run in watch.state())]
    return [
        Alert(
            name_of(vehicle_id, f"unplaced/{episode.key}/{episode.started_ms}"),
            vehicle_id,
            "device_alarm",
            _severity(episode.key),
            episode.started_ms,
            episode.ended_ms,
            device_alarm=episode.key,
            without_position=True,
        )
        for episode in episodes
    ]


def _severity(key: str) -> Severity:
    if key in _CRITICAL:
        return "critical"
    return "info" if key in _FAULTS else "warning"
