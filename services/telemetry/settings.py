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
    streams: int = Field(default=200, ge=1, description="Most live streams of one process.")
    streams_per_caller: int = Field(default=5, ge=1, description="Most live streams of one caller.")


class IngestSettings(TelemetrySettings):
    """What ingest needs."""

    mqtt_password: SecretStr
    shards: str = Field(
        default="0123456789abcdef",
        pattern=r"^[0-9a-f]{1,16}$",
        description="Hex digits the members serve together.",
    )
    ingest_member: int = Field(default=0, ge=0, description="This member's number: the pod's ordinal.")
    ingest_members: int = Field(default=1, ge=1, le=16, description="How many members share the shards.")
    receipt_period_s: float = 5.0
    receipt_burst: int = 100
    receive_maximum: int = Field(default=1000, ge=1, le=65_535)
    batch_messages: int = Field(default=4000, description="Most messages of one transaction.")
    fold_period_s: float = Field(
        default=1.0, description="Longest pause between two flushes of latest positions."
    )

    @property
    def own_shards(self) -> str:
        """The shards whose sessions this member holds: every `ingest_members`-th of `shards`."""
        return "".join(s for s in self.shards if int(s, 16) % self.ingest_members == self.ingest_member)


class BrokerAgentSettings(TelemetrySettings):
    """What the broker agent needs; `broker_passwords` holds ready lines of the platform's own users."""

    broker_passwords: SecretStr
    broker_password_file: Path
    broker_acl_file: Path
    broker_pid_file: Path
    broker_database_file: Path = Field(description="Where the broker saves its sessions and queues.")
    save_period_s: float = Field(default=1.0, description="Shortest time between two of its saves.")
    reload_period_s: float = 1.0


class FleetSettings(TelemetrySettings):
    """What the simulated demo fleet needs; `fleet` is a JSON list of {terminal_number, password, topic}."""

    fleet: SecretStr
    fleet_period_s: float = 10.0


class ListenerSettings(TelemetrySettings):
    """What the JT/T 808 listener needs."""

    jt808_host: str = "127.0.0.1"
    jt808_port: int = 1808
    jt808_connections: int = Field(default=20_000, description="Most open connections.")
    jt808_strangers: int = Field(default=2000, description="Most that have not shown a code yet.")
    jt808_admission_s: float = Field(default=30.0, description="How long a connection may go without a code.")
    jt808_idle_s: float = Field(default=600.0, description="How long a terminal may be silent.")
    jt808_waiting: int = Field(default=20_000, description="Most reports received and not yet stored.")
    jt808_batch: int = Field(default=4000, description="Most reports of one transaction.")
