"""Which vehicles a rule is about. All given conditions must hold; bounds include their limit."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID


@dataclass(frozen=True, slots=True)
class VehicleFacts:
    """What is known of a vehicle; None is unknown. Masses in kg, lengths in m.

    `emission_stage` is the national stage 1 to 6, 0 for a vehicle without exhaust.
    """

    id: UUID | None = None
    plate_color: int | None = None
    vehicle_type: str | None = None
    powertrain: str | None = None
    gross_mass_kg: float | None = None
    payload_kg: float | None = None
    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None
    refrigeration: str | None = None
    emission_stage: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions on a vehicle; None is no condition. `vehicle_types` are prefixes of GA 24.4 codes."""

    plate_colors: frozenset[int] | None = None
    vehicle_types: tuple[str, ...] | None = None
    powertrains: frozenset[str] | None = None
    refrigeration: frozenset[str] | None = None
    min_gross_mass_kg: float | None = None
    max_gross_mass_kg: float | None = None
    min_payload_kg: float | None = None
    max_payload_kg: float | None = None
    min_length_m: float | None = None
    max_length_m: float | None = None
    min_width_m: float | None = None
    max_width_m: float | None = None
    min_height_m: float | None = None
    max_height_m: float | None = None
    min_emission_stage: int | None = None
    max_emission_stage: int | None = None

    _given: tuple[tuple[str, str, Any], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep the given conditions as (fact, kind of test, operand), so that asking costs only those."""
        tests = ((fact, kind, getattr(self, name)) for name, (fact, kind) in _TESTS.items())
        object.__setattr__(self, "_given", tuple(test for test in tests if test[2] is not None))

    def unknown_facts(self, vehicle: VehicleFacts) -> frozenset[str] | None:
        """Facts the conditions need and nobody knows: empty when all hold, None when one surely fails."""
        missing = set()
        for fact, kind, operand in self._given:
            value = getattr(vehicle, fact)
            if value is None:
                missing.add(fact)
            elif not _holds(kind, value, operand):
                return None
        return frozenset(missing)


def _holds(kind: str, value: Any, operand: Any) -> bool:
    match kind:
        case "in":
            return value in operand
        case "prefix":
            return bool(value.startswith(operand))
        case "min":
            return bool(value >= operand)
        case _:
            return bool(value <= operand)


_TESTS: Final = {
    "plate_colors": ("plate_color", "in"),
    "powertrains": ("powertrain", "in"),
    "refrigeration": ("refrigeration", "in"),
    "vehicle_types": ("vehicle_type", "prefix"),
    **{
        f"{bound}_{fact}": (fact, bound)
        for fact in ("gross_mass_kg", "payload_kg", "length_m", "width_m", "height_m", "emission_stage")
        for bound in ("min", "max")
    },
}
ANY_VEHICLE: Final = Conditions()
FACT_NAMES: Final[dict[str, tuple[str, str]]] = {
    "plate_color": ("号牌颜色", "plate colour"),
    "vehicle_type": ("车辆类型", "vehicle type"),
    "powertrain": ("动力类型", "powertrain"),
    "gross_mass_kg": ("总质量", "gross mass"),
    "payload_kg": ("核定载质量", "payload"),
    "length_m": ("车长", "length"),
    "width_m": ("车宽", "width"),
    "height_m": ("车高", "height"),
    "refrigeration": ("温控类型", "refrigeration"),
    "emission_stage": ("排放阶段", "emission stage"),
}
"""Chinese and English name of each fact."""
