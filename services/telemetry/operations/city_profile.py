"""What the city profile says about terminals, read and checked when a process starts."""

import tomllib
from pathlib import Path

from services.telemetry.domain.health import HealthLimits


def read_health_limits(profile: Path) -> HealthLimits:
    """Read section `terminal_health` of `profile.toml`.

    Raises:
        OSError: the file is missing.
        KeyError, TypeError, ValueError: the section is not what is expected.
    """
    return HealthLimits.read(
        tomllib.loads((profile / "profile.toml").read_text(encoding="utf-8"))["terminal_health"]
    )
