"""Temperature classes of cargo and which vehicles can keep them.

`domain.md` §3.4: cold-chain capability is an attribute of the vehicle (none, insulated, refrigerated),
not a vehicle type. Which class needs which is configuration [DEF]: an insulated body keeps chilled
goods over a city trip, frozen goods need active refrigeration.
"""

from enum import StrEnum
from typing import Final


class TemperatureClass(StrEnum):
    """How cold the goods must stay."""

    AMBIENT = "ambient"
    CHILLED = "chilled"
    FROZEN = "frozen"


REFRIGERATION_LEVEL: Final = {"none": 0, "insulated": 1, "refrigerated": 2}
"""What a vehicle can do; higher includes lower."""

NEEDED_LEVEL: Final = {
    TemperatureClass.AMBIENT: 0,
    TemperatureClass.CHILLED: 1,
    TemperatureClass.FROZEN: 2,
}
"""Lowest level that keeps a class."""


def sufficient(temperature: TemperatureClass) -> list[str]:
    """Return the kinds of refrigeration that keep a temperature class."""
    return [name for name, level in REFRIGERATION_LEVEL.items() if level >= NEEDED_LEVEL[temperature]]
