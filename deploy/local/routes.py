"""`make routes`: the edge's routing table and docs/openapi, generated from the services' own apps.

`--check` changes nothing and fails when the committed files differ (part of `make check`).
"""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from deploy.local import credentials, edge
from deploy.local.places import CHECKOUT
from deploy.local.processes import PROCESSES, SERVICES, Process, package, settings_environment
from deploy.local.progress import say

OPENAPI = CHECKOUT / "docs" / "openapi"
PORT_BASE = 18700


def main(arguments: list[str]) -> int:
    """Writes the files, or compares them."""
    wanted = generate()
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        if "--check" in arguments:
            say(f"{path.relative_to(CHECKOUT)} is not what the services say: run `make routes`")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
            say(f"wrote {path.relative_to(CHECKOUT)}")
    return 1 if stale and "--check" in arguments else 0


def generate() -> dict[Path, str]:
    """Path → text of every generated file."""
    apps = dict(service_apps())
    files = {
        OPENAPI / f"{service}.json": json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True)
        + "\n"
        for service, app in apps.items()
    }
    table = {"collections": collections(apps)}
    return {**files, edge.ROUTES: json.dumps(table, indent=1, sort_keys=True) + "\n"}


def collections(apps: dict[str, FastAPI]) -> dict[str, str]:
    """Top-level collection → service that owns it.

    Raises:
        ValueError: two services claim one collection.
    """
    owners: dict[str, str] = {}
    for service, app in apps.items():
        for path in _paths(app):
            parts = path.split("/")
            if len(parts) < 3 or parts[1] != "v1":  # noqa: PLR2004 - "", "v1", the collection
                continue
            if owners.setdefault(parts[2], service) != service:
                raise ValueError(f"/v1/{parts[2]} is claimed by {owners[parts[2]]} and {service}")
    return owners


def _paths(app: FastAPI) -> Iterator[str]:
    yield from app.openapi()["paths"]
    yield from (str(getattr(route, "path", "")) for route in app.routes)


def service_apps() -> Iterator[tuple[str, FastAPI]]:
    """Each service's app with settings that reach nothing."""
    for service in SERVICES:
        process = next(item for item in PROCESSES if item.name == f"{service}-api")
        try:
            module = importlib.import_module(f"{package(service)}.main")
        except ModuleNotFoundError as error:
            if error.name != f"{package(service)}.main":
                raise
            continue
        with _dummy_settings(process):
            yield service, module.app_from_env()


@contextmanager
def _dummy_settings(process: Process) -> Iterator[None]:
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as directory:
        deployment = credentials.Deployment(**credentials.generate())
        keys = Path(directory) / "service_keys.json"
        keys.write_text(json.dumps(credentials.public_jwks(deployment)))
        for name, value in credentials.secrets_of(
            process, deployment, host="127.0.0.1", port=PORT_BASE + 1
        ).items():
            (Path(directory) / name).write_text(value)
        settings: dict[str, Any] = settings_environment(
            process, port_base=PORT_BASE, run=directory, demo=False
        )
        prefix = (process.service or "").upper()
        os.environ.update(
            {**settings, "FREIGHT_SECRETS_DIR": directory, f"{prefix}_SERVICE_KEYS_FILE": str(keys)}
        )
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
