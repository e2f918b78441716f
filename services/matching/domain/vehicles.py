"""A vehicle as matching sees it, its class as it may be shown, and the preference for clean energy."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from services.shared.rules.conditions import VehicleFacts
from services.shared.rules.standing import Course

Size = Literal["mini", "light", "medium", "heavy", "unknown"]
EnergyClass = Literal["new_energy", "hybrid", "clean_fuel", "conventional"]

ANYONE: Final = UUID(int=0)
"""Stands in the facts for every vehicle that has them."""
_LIGHT_KG, _MEDIUM_KG, _MINI_KG = 4500, 12000, 1800
_SIZE_OF_CODE: Final[dict[str, Size]] = {"1": "heavy", "2": "medium", "3": "light", "4": "mini"}
_NEW_ENERGY: Final = frozenset({"BEV", "PHEV", "REEV", "FCEV"})
_CLEAN_FUELS: Final = frozenset({"E", "F", "L", "M"})
ENERGY_PREFERENCE: Final[dict[EnergyClass, float]] = {
    "new_energy": 1.0,
    "hybrid": 0.5,
    "clean_fuel": 0.5,
    "conventional": 0.0,
}
"""Part of the score an energy class earns; configuration [DEF] after the programme's aim (§3.5)."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One registration and the course of its papers.

    The id in `facts` is `ANYONE`, so that vehicles alike share their evaluation.
    """

    id: UUID
    enterprise_id: UUID
    plate_number: str
    plate_color: int
    valid_from: datetime
    valid_to: datetime | None
    payload_kg: float
    volume_m3: float | None
    refrigeration: str
    energy_code: str | None
    facts: VehicleFacts
    papers: Course


@dataclass(frozen=True, slots=True)
class VehicleClass:
    """All a shipper learns of a vehicle before an award."""

    size: Size
    refrigeration: str
    energy: EnergyClass


def energy_class(vehicle: Vehicle) -> EnergyClass:
    """Return the class of energy (`domain.md` §3.5: NEV = BEV, PHEV, REEV, FCEV; clean = E, F, L, M)."""
    if vehicle.facts.powertrain in _NEW_ENERGY:
        return "new_energy"
    if vehicle.facts.powertrain == "HEV":
        return "hybrid"
    return "clean_fuel" if vehicle.energy_code in _CLEAN_FUELS else "conventional"


def vehicle_class(vehicle: Vehicle) -> VehicleClass:
    """Return the class a shipper may see: size by gross mass (GA 802), else by the GA 24.4 code (§3.4)."""
    return VehicleClass(_size(vehicle.facts), vehicle.refrigeration, energy_class(vehicle))


def _size(facts: VehicleFacts) -> Size:
    mass = facts.gross_mass_kg
    if mass is not None:
        if mass <= _MINI_KG:
            return "mini"
        return "light" if mass < _LIGHT_KG else "medium" if mass < _MEDIUM_KG else "heavy"
    code = facts.vehicle_type or ""
    return _SIZE_OF_CODE.get(code[1:2], "unknown") if code.startswith("H") else "unknown"
