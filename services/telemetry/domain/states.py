"""What the city profile says about reading: when a vehicle moves, stands, is silent or cannot have driven."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

State = Literal["moving", "standing", "silent"]


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """Silent `silent_after` its last fix; moving from `moving_kmh` on; never faster than `jump_kmh`."""

    silent_after: timedelta
    moving_kmh: float
    jump_kmh: float


def read_rules(profile: str) -> ReadingRules:
    """Read sections `positions` and `trips` of a city profile's text.

    Raises:
        KeyError: A member is missing.
        ValueError: It is no TOML.
    """
    given = tomllib.loads(profile)
    positions = given["positions"]
    return ReadingRules(
        timedelta(minutes=positions["silent_minutes"]),
        float(positions["moving_kmh"]),
        float(given["trips"]["jump_kmh"]),
    )
