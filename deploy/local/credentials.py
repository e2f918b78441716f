"""Secrets of one installation: generated at first start, never overwritten, one directory per process.

`secrets/deployment/` holds the masters; each process's directory holds only what that process may know.
Directories are 0700 and files 0600. No value ever reaches a command line, an environment or a log.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from deploy.local.processes import FIRST_ADMIN, PROCESSES, SERVICES, Process
from services.shared.auth.tokens import generate_key
from services.shared.personal.keys import new_ring
from services.telemetry.domain.broker_files import platform_password_lines

DATABASE = "cityfreight"
ADMIN = "admin"
PRIVATE_MEMBERS = ("d",)


@dataclass(frozen=True)
class Deployment:
    """The master values of one installation."""

    superuser_password: str
    role_passwords: Mapping[str, str]
    admin_password: str
    mqtt_password: str
    keys: Mapping[str, Mapping[str, Any]]
    """Private JWKs: one per service under its name, `signing` and `manifest`."""
    personal_keys: Mapping[str, Mapping[str, Any]]
    """Rings of keys for personal values, by service."""


def generate() -> dict[str, Any]:
    """Fresh master values, as JSON has them."""
    roles = [f"{service}_{part}" for service in SERVICES for part in ("owner", "api", "worker")]
    return {
        "superuser_password": secrets.token_urlsafe(32),
        "role_passwords": {role: secrets.token_urlsafe(32) for role in roles},
        "admin_password": secrets.token_urlsafe(18),
        "mqtt_password": secrets.token_urlsafe(32),
        "keys": {
            **{service: generate_key(service) for service in SERVICES},
            "signing": generate_key(f"access-{secrets.token_hex(4)}"),
            "manifest": generate_key(f"manifest-{secrets.token_hex(4)}"),
        },
        "personal_keys": {"registry": new_ring()},
    }


def load_or_generate(directory: Path) -> Deployment:
    """The masters of `<directory>/deployment`; what is not there yet is made."""
    target = masters_file(directory)
    private_directory(directory)
    private_directory(target.parent)
    present = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    masters = {**generate(), **present}
    write_private(target, json.dumps(masters, indent=1))
    return Deployment(**masters)


def keep_ring(directory: Path, service: str, ring: Mapping[str, Any]) -> Deployment:
    """The masters with another ring for a service's personal values, written before it is given out."""
    deployment = load_or_generate(directory)
    changed = replace(deployment, personal_keys={**deployment.personal_keys, service: ring})
    write_private(masters_file(directory), json.dumps(asdict(changed), indent=1))
    return changed


def masters_file(directory: Path) -> Path:
    """Where the masters of an installation lie, below its secrets."""
    return directory / "deployment" / "masters.json"


def public_jwks(deployment: Deployment) -> dict[str, Any]:
    """The services' public keys: part of the deployment, readable by every process."""
    return {
        "keys": [
            {name: value for name, value in deployment.keys[service].items() if name not in PRIVATE_MEMBERS}
            for service in SERVICES
        ]
    }


def secrets_of(process: Process, deployment: Deployment, *, host: str, port: int) -> dict[str, str]:
    """File name → content of one process's directory; `host` and `port` are PostgreSQL's."""
    if process.service is None:
        return {}
    service = process.service
    database = database_url(deployment, f"{service}_{process.role}", host, port)
    own = {
        f"{service}_database_url": database,
        f"{service}_service_key": json.dumps(deployment.keys[service]),
    }
    known = {
        "registry_signing_key": json.dumps(deployment.keys["signing"]),
        "gateway_manifest_key": json.dumps(deployment.keys["manifest"]),
        "telemetry_mqtt_password": deployment.mqtt_password,
        "registry_admin_password": deployment.admin_password,
        **{f"{name}_personal_keys": json.dumps(ring) for name, ring in deployment.personal_keys.items()},
    }
    return {**own, **{name: known[name] for name in process.secrets if name in known}}


def database_url(deployment: Deployment, role: str, host: str, port: int) -> str:
    """The URL of one role of the platform's database."""
    return f"postgresql://{role}:{deployment.role_passwords[role]}@{host}:{port}/{DATABASE}"


def distribute(run: Path, deployment: Deployment, *, port: int, host: str = "127.0.0.1") -> None:
    """Writes each process's directory below `<run>/secrets`, `service_keys.json` and `admin.txt`."""
    for process in (*PROCESSES, FIRST_ADMIN):
        for name, value in secrets_of(process, deployment, host=host, port=port).items():
            directory = run / "secrets" / process.name
            private_directory(directory)
            write_private(directory / name, value)
    _broker_lines(run / "secrets" / "broker-agent" / "telemetry_broker_passwords", deployment)
    keys = run / "service_keys.json"
    keys.write_text(json.dumps(public_jwks(deployment), indent=1) + "\n", encoding="utf-8")
    keys.chmod(0o644)
    admin = run / "secrets" / "admin.txt"
    if not admin.exists():
        write_private(admin, f"username: {ADMIN}\npassword: {deployment.admin_password}\n")


def _broker_lines(target: Path, deployment: Deployment) -> None:
    """Salted lines are kept: rewriting them would drop live sessions at the next reload."""
    if not target.exists():
        write_private(target, "\n".join(platform_password_lines(deployment.mqtt_password)) + "\n")


def private_directory(directory: Path) -> None:
    """Makes a directory that only its owner may enter."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Replaces a file by one that only its owner may read; never half-written."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
        sink.write(text)
        sink.flush()
        os.fsync(sink.fileno())
    fresh.replace(path)
