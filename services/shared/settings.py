"""Settings shared by every process; each service subclasses `KernelSettings` with its own prefix.

Plain values come from the environment (`REGISTRY_PORT=…`); secrets come from files named like the
variable in lower case (`registry_database_url`) in the directory `FREIGHT_SECRETS_DIR`, so that no
secret stands in a process table, a unit file or a crash dump.
"""

import os
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from services.shared.standards.zones import CITY_ZONE


class KernelSettings(BaseSettings):
    """What each process of the platform must be told."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: SecretStr
    """postgresql:// URL of this process's own role (`<svc>_api` or `<svc>_worker`)."""
    service_key: SecretStr
    """Ed25519 private JWK (JSON) that signs this service's own short tokens."""
    service_keys_file: Path
    """Public JWKS of all services; `kid` is the service's name."""
    registry_url: str = "http://127.0.0.1:18710"
    telemetry_url: str = "http://127.0.0.1:18711"
    permits_url: str = "http://127.0.0.1:18712"
    matching_url: str = "http://127.0.0.1:18713"
    city_profile: Path = Path("city/panjin")
    environment: Literal["demo", "production"] = "production"
    host: str = "127.0.0.1"
    port: int
    database_pool: int = 10
    """Connections each of the two pools (SQLAlchemy, asyncpg) may open."""

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone, in which dates and rule windows are read."""
        return CITY_ZONE

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read secrets from the directory that is named when the settings are built, not at import."""
        directory = os.environ.get("FREIGHT_SECRETS_DIR")
        secrets = SecretsSettingsSource(settings_cls, secrets_dir=directory) if directory else None
        return (init_settings, env_settings, *([secrets] if secrets else []))
