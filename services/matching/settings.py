"""Settings of matching's processes; prefix `MATCHING_`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.shared.settings import KernelSettings


class MatchingSettings(KernelSettings):
    """What a process of matching must be told."""

    model_config = SettingsConfigDict(env_prefix="MATCHING_", extra="ignore", frozen=True)

    max_approach_km: float = Field(default=50.0, gt=0, le=1000)
    """Farthest a vehicle may be from a load's origin, great-circle km."""
    position_max_age_s: float = Field(default=900.0, gt=0)
    """A latest position older than this says nothing any more."""
    position_poll_s: float = Field(default=1.0, gt=0)
    """Pause between two polls of telemetry's latest positions."""
    copy_probe_s: float = Field(default=0.1, gt=0, le=0.2)
    """Pause between two looks whether the local copies moved on."""
    copy_max_age_s: float = Field(default=5.0, gt=0)
    """Without a look at the copies for so long, nothing is said about candidates (503)."""
    sweep_s: float = Field(default=10.0, gt=0)
    """Pause between two rounds of closing loads whose pickup window has passed."""
