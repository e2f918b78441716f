"""The demo tenants: three firms, thirty vans, four places. Flagged, left out of every public figure."""

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


_SKETCH = {"division_code": "211103", "schematic": True, "planned_on": "2024-01-10"}
FACILITIES = (
    {
        **_SKETCH, "code": "PJDEMO-HUB", "name": "演示货运枢纽", "lon": 122.14, "lat": 41.066,
        "capacity": {"kind": "freight_hub", "area_m2": 60000, "docks": 24, "services": ["transhipment"]},
    },
    {
        **_SKETCH, "code": "PJDEMO-CHARGING", "name": "演示充电场站", "lon": 122.082, "lat": 41.124,
        "capacity": {"kind": "charging_site", "parking_spaces": 4, "supply_kva": 630},
    },
    {
        **_SKETCH, "code": "PJDEMO-STATION", "name": "演示末端共同配送站", "lon": 122.062, "lat": 41.121,
        "capacity": {"kind": "joint_delivery_station", "area_m2": 80, "daily_parcels": 900},
    },
    {
        **_SKETCH, "code": "PJDEMO-BAYS", "name": "演示配送车辆临时停车泊位", "lon": 122.066, "lat": 41.118,
        "capacity": {"kind": "kerb_bay_group", "surroundings": "commercial", "road": "兴油街"},
    },
)  # fmt: skip
"""Places nobody surveyed; each is one firm's, in turn, and opened on `OPENED_ON`."""
OPENED_ON = "2024-06-01"
BAYS = tuple(
    {
        "code": f"{number:02}", "lon": 122.065 + number * 0.0001, "lat": 41.118, "length_m": 7.0,
        "nev_only": number % 2 == 1, "max_stay_minutes": 30, "windows": [{"start": "06:00", "end": "22:00"}],
        "road": "兴油街", "in_service_from": OPENED_ON,
    }
    for number in range(1, 7)
)  # fmt: skip
CHARGERS = tuple(
    {
        "code": f"A{number:02}", "power_kw": 120, "current": "DC", "connectors": ["gbt_dc"],
        "open_to_delivery_vehicles": True, "in_service_from": OPENED_ON,
    }
    for number in range(1, 5)
)  # fmt: skip


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
