"""The fleet under construction: takes vehicles, firms, rules, grants and positions, gives a `Fleet`."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.cargo import REFRIGERATION_LEVEL
from services.matching.domain.fleet import ROW, UNKNOWN_FIRM, Fleet, FleetIndex
from services.matching.domain.restrictions import Grant
from services.matching.domain.rulebook import Profiles, Rulebook
from services.matching.domain.standings import FIRM, GAPS, last_gap, put_together
from services.matching.domain.vehicles import ENERGY_PREFERENCE, Vehicle, energy_class
from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.records import Rule
from services.shared.rules.schedule import CityClock
from services.shared.rules.standing import Course

_FIRST_ROOM: Final = 256


@dataclass(frozen=True, slots=True)
class Fix:
    """A vehicle's latest good position, degrees WGS-84."""

    vehicle_id: UUID
    time: datetime
    lon: float
    lat: float


class Roster:
    """Collects changes in any order: a firm or a position may be known before its vehicle."""

    def __init__(self, clock: CityClock) -> None:
        self._clock = clock
        self._rules: dict[UUID, Rule] = {}
        self._grants: dict[UUID, Grant] = {}
        self._fixes: dict[UUID, Fix] = {}
        self._book = Rulebook((), (), clock)
        self._rules_moved = self._grants_moved = False
        self.forget_registry()

    def forget_registry(self) -> None:
        """Drop vehicles and firms, before they are all read anew; positions are kept."""
        self._vehicles: list[Vehicle] = []
        self._rows: NDArray[Any] = np.zeros(_FIRST_ROOM, ROW)
        self._gaps: NDArray[Any] = np.zeros(_FIRST_ROOM, GAPS)
        self._gaps_moved = False
        self._row_of: dict[UUID, int] = {}
        self._rows_of: dict[UUID, list[int]] = {}
        self._profiles: dict[VehicleFacts, int] = {}
        self._firms: dict[UUID, Course] = {}
        self._firms_frozen: Mapping[UUID, Course] | None = None
        self._index: FleetIndex | None = None

    def forget_permits(self) -> None:
        """Drop rules and grants, before they are all read anew."""
        self._rules.clear()
        self._grants.clear()
        self._rules_moved = self._grants_moved = True

    def set_enterprise(self, enterprise_id: UUID, course: Course) -> None:
        """Take in the course of a firm's standing."""
        self._firms[enterprise_id] = course
        self._firms_frozen, self._gaps_moved = None, True
        rows = self._rows_of.get(enterprise_id, [])
        for name, value in zip(FIRM, last_gap(course), strict=True):
            self._gaps[name][rows] = value

    def set_vehicle(self, vehicle: Vehicle) -> None:
        """Take in a vehicle, new or changed; its owner never changes under one id."""
        row = self._row_of.get(vehicle.id)
        if row is None:
            row = self._new_row(vehicle)
        self._vehicles[row] = vehicle
        self._index = None
        firm = self._firms.get(vehicle.enterprise_id, UNKNOWN_FIRM)
        self._gaps[row] = (*last_gap(firm), *last_gap(vehicle.papers))
        self._gaps_moved = True
        fix = self._fixes.get(vehicle.id)
        self._rows[row] = (
            True,
            REFRIGERATION_LEVEL[vehicle.refrigeration],
            self._profiles.setdefault(vehicle.facts, len(self._profiles)),
            vehicle.payload_kg,
            math.nan if vehicle.volume_m3 is None else vehicle.volume_m3,
            vehicle.valid_from.timestamp(),
            math.inf if vehicle.valid_to is None else vehicle.valid_to.timestamp(),
            *(math.inf, -math.inf, -math.inf),
            ENERGY_PREFERENCE[energy_class(vehicle)],
            *((math.nan, math.nan, math.nan) if fix is None else (fix.lon, fix.lat, fix.time.timestamp())),
        )

    def drop_vehicle(self, vehicle_id: UUID) -> None:
        """Take a vehicle out."""
        row = self._row_of.get(vehicle_id)
        if row is not None:
            self._rows["present"][row] = False

    def set_rule(self, rule_id: UUID, rule: Rule | None) -> None:
        """Take in a rule; None takes it out."""
        _put(self._rules, rule_id, rule)
        self._rules_moved = True

    def set_grant(self, grant_id: UUID, grant: Grant | None) -> None:
        """Take in a permit or exemption; None takes it out."""
        _put(self._grants, grant_id, grant)
        self._grants_moved = True

    def set_fixes(self, fixes: Iterable[Fix]) -> None:
        """Take in latest positions; of a vehicle's several terminals the newest counts."""
        for fix in fixes:
            known = self._fixes.get(fix.vehicle_id)
            if known is not None and known.time > fix.time:
                continue
            self._fixes[fix.vehicle_id] = fix
            row = self._row_of.get(fix.vehicle_id)
            if row is not None:
                here = self._rows[row]
                here["lon"], here["lat"], here["fix"] = fix.lon, fix.lat, fix.time.timestamp()

    def freeze(self, since: datetime) -> Fleet:
        """Return the fleet as it is now, for jobs that are not over before an instant."""
        if self._rules_moved:
            self._book = Rulebook(self._rules.values(), self._grants.values(), self._clock)
        elif self._grants_moved:
            self._book = self._book.with_grants(self._grants.values())
        self._rules_moved = self._grants_moved = False
        if self._index is None:
            rows_of = {firm: tuple(rows) for firm, rows in self._rows_of.items()}
            self._index = FleetIndex(
                tuple(self._vehicles), dict(self._row_of), rows_of, Profiles(tuple(self._profiles))
            )
        if self._firms_frozen is None:
            self._firms_frozen = dict(self._firms)
        rows = self._rows[: len(self._vehicles)]
        if self._gaps_moved:
            put_together(rows, self._gaps[: len(rows)])
            self._gaps_moved = False
        return Fleet(self._index, rows.copy(), self._book, self._firms_frozen, since)

    def _new_row(self, vehicle: Vehicle) -> int:
        row = len(self._vehicles)
        if row == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(row, ROW)])
            self._gaps = np.concatenate([self._gaps, np.zeros(row, GAPS)])
        self._vehicles.append(vehicle)
        self._row_of[vehicle.id] = row
        self._rows_of.setdefault(vehicle.enterprise_id, []).append(row)
        return row


def _put(table: dict[UUID, Any], key: UUID, value: object | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
