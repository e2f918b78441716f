"""Settings of the telemetry processes, environment prefix `TELEMETRY_`."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.shared.settings import KernelSettings


class TelemetrySettings(KernelSettings):
    """What the API and the worker need beyond the kernel."""

    model_config = SettingsConfigDict(env_prefix="TELEMETRY_", extra="ignore", frozen=True)

    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 1883
    activation_timeout_s: float = Field(
        default=10.0, description="How long provisioning waits for the broker."
    )


class IngestSettings(TelemetrySettings):
    """What ingest needs."""

    mqtt_password: SecretStr
    shards: str = Field(
        default="0123456789abcdef", pattern=r"^[0-9a-f]{1,16}$", description="Hex digits this member serves."
    )
    receipt_period_s: float = 5.0
    receipt_burst: int = 100
    receive_maximum: int = Field(default=1000, ge=1, le=65_535)
    batch_messages: int = Field(default=4000, description="Most messages of one transaction.")
    fold_period_s: float = Field(
        default=1.0, description="Longest pause between two flushes of latest positions."
    )


class BrokerAgentSettings(TelemetrySettings):
    """What the broker agent needs; `broker_passwords` holds ready lines of the platform's own users."""

    broker_passwords: SecretStr
    broker_password_file: Path
    broker_acl_file: Path
    broker_pid_file: Path
    reload_period_s: float = 1.0


class FleetSettings(TelemetrySettings):
    """What the simulated demo fleet needs; `fleet` is a JSON list of {terminal_number, password, topic}."""

    fleet: SecretStr
    fleet_period_s: float = 10.0
