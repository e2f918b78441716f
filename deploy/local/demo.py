"""The demo tenants: three firms, thirty vans. Flagged as demo, left out of every public figure."""

from collections.abc import Iterator
from typing import Any

VEHICLES = 30
ENTERPRISES = (
    {"name": "演示一号城配有限公司", "uscc": "91211100MADEM00115", "kind": "carrier"},
    {"name": "演示二号冷链有限公司", "uscc": "91211100MADEM002XW", "kind": "carrier"},
    {"name": "演示三号快运有限公司", "uscc": "91211100MADEM0038W", "kind": "express"},
)
"""Unified social credit codes with valid check characters of a registration that does not exist."""

_ELECTRIC = {
    "plate_color": 94, "powertrain": "BEV", "energy_code": "C", "vehicle_type": "H32", "curb_mass_kg": 2900,
    "payload_kg": 1400, "gross_mass_kg": 4495, "volume_m3": 14.5, "length_m": 5.99, "width_m": 2.1,
    "height_m": 2.8,
}  # fmt: skip
_DIESEL = {
    "plate_color": 1, "powertrain": "ICE", "energy_code": "B", "vehicle_type": "H32", "curb_mass_kg": 2700,
    "payload_kg": 1500, "gross_mass_kg": 4490, "volume_m3": 15.0, "length_m": 5.995, "width_m": 2.1,
    "height_m": 2.9,
}  # fmt: skip


def demo_vehicles(enterprises: list[str]) -> Iterator[dict[str, Any]]:
    """Ten vans per firm: eight electric and two diesel; the second firm's are refrigerated."""
    for number in range(1, VEHICLES + 1):
        firm = (number - 1) * len(enterprises) // VEHICLES
        diesel = number % 5 == 0
        plate = f"辽LZ{number:04}" if diesel else f"辽LDZ{number:04}"
        yield {
            **(_DIESEL if diesel else _ELECTRIC),
            "enterprise_id": enterprises[firm],
            "plate_number": plate,
            "refrigeration": "refrigerated" if firm == 1 else "none",
        }


def terminal_number(number: int) -> str:
    """Number of the terminal of the n-th van."""
    return f"PJDEMO-{number:03}"
