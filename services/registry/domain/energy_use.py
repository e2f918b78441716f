"""Kinds of energy that a statement of operation can name, and which vehicle uses which."""

from typing import Final

from services.shared.standards.energy import NEV_POWERTRAINS, Powertrain

ENERGY_ITEMS: Final[dict[str, tuple[str, str]]] = {
    "petrol_l": ("汽油（升）", "petrol, litres"),
    "diesel_l": ("柴油（升）", "diesel, litres"),
    "natural_gas_m3": ("天然气（立方米）", "natural gas, cubic metres"),
    "lpg_kg": ("液化石油气（千克）", "liquefied petroleum gas, kilograms"),
    "methanol_l": ("甲醇（升）", "methanol, litres"),
    "hydrogen_kg": ("氢（千克）", "hydrogen, kilograms"),
    "electricity_kwh": ("电（千瓦时）", "electricity, kilowatt-hours"),
}
"""Kinds of energy with their units: Chinese and English name."""

_COMBUSTION: Final = frozenset({Powertrain.ICE, Powertrain.HEV, Powertrain.PHEV, Powertrain.REEV})
_SILENT: Final = (None, "C", "O", "Z")
"""Codes that do not say what a combustion engine burns (`domain.md` §3.5)."""
_BURNT_BY: Final[dict[str, str]] = {
    # Gas, ethanol and methanol engines start on petrol, bi-fuel ones run on it too.
    "petrol_l": "ADEFLM",
    "diesel_l": "BD",
    "natural_gas_m3": "E",
    "lpg_kg": "F",
    "methanol_l": "L",
}


def may_use(item: str, powertrain: Powertrain, energy_code: str | None) -> bool:
    """Tell whether a vehicle can use a kind of energy; what its record leaves open counts as yes."""
    if item == "electricity_kwh":
        return powertrain in NEV_POWERTRAINS
    if item == "hydrogen_kg":
        return powertrain is Powertrain.FCEV
    if powertrain not in _COMBUSTION:
        return False
    return energy_code in _SILENT or (energy_code or "") in _BURNT_BY[item]
