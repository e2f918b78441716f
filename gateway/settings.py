"""Settings of the gateway's processes, environment prefix `GATEWAY_`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.shared.settings import KernelSettings


class GatewaySettings(KernelSettings):
    """What the gateway's worker must be told."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", frozen=True)


class GatewayApiSettings(GatewaySettings):
    """What the gateway's API must be told beside."""

    manifest_key: SecretStr
    """Ed25519 private JWK (JSON) that signs the manifests of the exchange."""
    openapi_directory: Path = Path("docs/openapi")
    """The committed descriptions, one file a service."""
    health_seconds: float = Field(
        default=1.0, description="How long an answer about the services' health is kept."
    )
