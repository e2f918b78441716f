"""Settings of the permits processes, environment prefix `PERMITS_`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.shared.settings import KernelSettings


class PermitsSettings(KernelSettings):
    """What the API and the worker need beyond the kernel."""

    model_config = SettingsConfigDict(env_prefix="PERMITS_", extra="ignore", frozen=True)

    expiry_period_s: float = Field(default=5.0, gt=0, description="How often elapsed permits are marked.")
