"""What the city profile says about terminals and retention, read and checked when a process starts."""

import tomllib
from pathlib import Path

from services.telemetry.domain.health import HealthLimits
from services.telemetry.domain.retention import RetentionRules


def read_health_limits(profile: Path) -> HealthLimits:
    """Read section `terminal_health` of `profile.toml`.

    Raises:
        OSError: the file is missing.
        KeyError, TypeError, ValueError: the section is not what is expected.
    """
    return HealthLimits.read(
        tomllib.loads((profile / "profile.toml").read_text(encoding="utf-8"))["terminal_health"]
    )


def read_retention(profile: Path) -> RetentionRules:
    """Read how long what is kept; what the profile leaves out is as the code has it.

    Raises:
        OSError, TypeError, ValueError: there is no such file, or it sets what must not be.
    """
    return RetentionRules.read(tomllib.loads((profile / "profile.toml").read_text(encoding="utf-8")))
