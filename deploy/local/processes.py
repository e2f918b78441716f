"""The one table of what runs: order, command, port, role, configuration of every process.

`make up` renders it for supervisor; the checks of docker-compose.yml and deploy/k8s compare against it.
Standard library only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

DEFAULT_PORT_BASE = 18700
EDGE, POSTGRES, BROKER, JT808 = 0, 1, 2, 3
SERVICES = ("registry", "telemetry", "permits", "matching", "gateway")
API_OFFSET = {service: 10 + n for n, service in enumerate(SERVICES)}
WORKER_OFFSET = {service: 20 + n for n, service in enumerate(SERVICES)}
SHARD_USERS = tuple(f"ingest-{digit:x}" for digit in range(16))

Health = Literal["http", "postgres", "mqtt", "none"]


@dataclass(frozen=True)
class Process:
    """One supervised process, or a task that runs once between two stages."""

    name: str
    stage: int
    command: tuple[str, ...]
    port: int | None = None
    """Offset from PORT_BASE of the port it listens on (HTTP, PostgreSQL or MQTT)."""
    service: str | None = None
    role: Literal["api", "worker"] | None = None
    health: Health = "http"
    health_path: str = "/readyz"
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    demo_only: bool = False
    reads_broker: bool = False
    """Whether it must know where the broker is."""
    secrets: tuple[str, ...] = ()
    """Secret files beyond `<service>_database_url` and `<service>_service_key`, by name."""
    second_port: int | None = None
    """Offset of a further port, which terminals connect to."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Offsets of every port it listens on."""
        return tuple(port for port in (self.port, self.second_port) if port is not None)


def package(service: str) -> str:
    """Python package of a service; the gateway stands beside `services/`."""
    return service if service == "gateway" else f"services.{service}"


def _api(service: str) -> Process:
    offset = API_OFFSET[service]
    command = (
        "{python}", "-m", "uvicorn", "--factory", f"{package(service)}.main:app_from_env", "--host", "{host}",
        "--port", f"{{port:{offset}}}", "--no-access-log", "--no-server-header", "--timeout-keep-alive", "75",
        "--timeout-graceful-shutdown", "10", "--backlog", "2048",
    )  # fmt: skip
    extra = {
        "registry": ("registry_signing_key", "registry_personal_keys"),
        "gateway": ("gateway_manifest_key",),
    }
    return Process(
        f"{service}-api", 2, command, offset, service, "api",
        reads_broker=service == "telemetry", secrets=extra.get(service, ()),
    )  # fmt: skip


def _consumer(
    name: str, service: str, module: str, offset: int, *secrets: str, mqtt: bool = False
) -> Process:
    command = ("{python}", "-m", f"{package(service)}.consumers.{module}")
    return Process(name, 2, command, offset, service, "worker", reads_broker=mqtt, secrets=secrets)


def _worker(service: str) -> Process:
    extra = {"registry": ("registry_personal_keys",), "gateway": ("gateway_manifest_key",)}
    offset = WORKER_OFFSET[service]
    return _consumer(f"{service}-worker", service, "worker", offset, *extra.get(service, ()))


PROCESSES: tuple[Process, ...] = (
    Process(
        "postgres", 1, ("{postgres}", "-D", "{run}/postgres"), POSTGRES, health="postgres",
        stop_signal="INT", stop_seconds=30,
    ),
    Process("broker", 1, ("{mosquitto}", "-c", "{run}/broker/mosquitto.conf"), BROKER, health="mqtt"),
    *(_api(service) for service in SERVICES),
    *(_worker(service) for service in SERVICES),
    _consumer("telemetry-ingest", "telemetry", "ingest", 25, "telemetry_mqtt_password", mqtt=True),
    _consumer("telemetry-derive", "telemetry", "derive", 26),
    Process(
        "telemetry-listener", 2, ("{python}", "-m", "services.telemetry.consumers.listener"), 29,
        service="telemetry", role="worker", second_port=JT808,
    ),
    _consumer("broker-agent", "telemetry", "broker_agent", 27, "telemetry_broker_passwords", mqtt=True),
    Process(
        "edge", 2, ("{nginx}", "-e", "stderr", "-p", "{run}/edge", "-c", "{run}/edge/nginx.conf"), EDGE,
        health_path="/healthz",
    ),
    Process(
        "fleet", 4, ("{python}", "-m", "services.telemetry.consumers.simulator"), 28, "telemetry", "worker",
        demo_only=True, reads_broker=True, secrets=("telemetry_fleet",),
    ),
)  # fmt: skip

FIRST_ADMIN = Process(
    "first-admin",
    1,
    ("{python}", "-m", "services.registry.consumers.first_admin"),
    service="registry",
    role="worker",
    health="none",
    secrets=("registry_admin_password",),
)
"""Runs once after the migration; harmless when run again."""


def selected(*, demo: bool) -> Iterator[Process]:
    """The processes of an installation with or without the demo fleet."""
    return (process for process in PROCESSES if demo or not process.demo_only)


def by_name(name: str) -> Process:
    """The process of that name.

    Raises:
        KeyError: there is none.
    """
    return {process.name: process for process in PROCESSES}[name]


def settings_environment(
    process: Process, *, port_base: int, run: str, demo: bool, host: str = "127.0.0.1"
) -> dict[str, str]:
    """Environment of a process of a service: everything that is not secret (conventions rule 9)."""
    if process.service is None:
        return {}
    prefix = process.service.upper()
    values = {
        "FREIGHT_SECRETS_DIR": f"{run}/secrets/{process.name}",
        f"{prefix}_SERVICE_KEYS_FILE": f"{run}/service_keys.json",
        f"{prefix}_CITY_PROFILE": "city/panjin",
        f"{prefix}_ENVIRONMENT": "demo" if demo else "production",
        f"{prefix}_HOST": host,
        f"{prefix}_PORT": str(port_base + (process.port or 0)),
        "PYTHONUNBUFFERED": "1",
    }
    for service in SERVICES:
        values[f"{prefix}_{service.upper()}_URL"] = f"http://{host}:{port_base + API_OFFSET[service]}"
    if process.service == "telemetry":
        values["TELEMETRY_MQTT_HOST"] = host
        values["TELEMETRY_MQTT_PORT"] = str(port_base + BROKER)
        values["TELEMETRY_JT808_HOST"] = host
        values["TELEMETRY_JT808_PORT"] = str(port_base + JT808)
        values["TELEMETRY_BROKER_PASSWORD_FILE"] = f"{run}/broker/passwd"
        values["TELEMETRY_BROKER_ACL_FILE"] = f"{run}/broker/acl"
        values["TELEMETRY_BROKER_PID_FILE"] = f"{run}/pids/broker.pid"
        values["TELEMETRY_BROKER_DATABASE_FILE"] = f"{run}/broker/data/mosquitto.db"
    return values
