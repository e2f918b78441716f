"""The edge's and broker's configuration for containers, made from the same templates as `make up`.

`python -m deploy.local.container_files` writes them below `deploy/k8s/base`, from where Compose mounts
them too; `--check` only compares (part of `make check`).
"""

import sys
from pathlib import Path

from deploy.local import broker, edge
from deploy.local.processes import SERVICES

BASE = Path(__file__).resolve().parents[1] / "k8s" / "base"
HTTP_PORT = 8000
EDGE_PORT = 8080
MQTT_PORT = 1883


def container_files() -> dict[Path, str]:
    """Path and text of every generated file."""
    upstreams = {service: f"{service}-api:{HTTP_PORT}" for service in SERVICES}
    settings = edge.EdgeSettings(listen=f"0.0.0.0:{EDGE_PORT}", upstreams=upstreams)
    return {
        BASE / "edge" / "nginx.conf": edge.render(Path("/tmp/edge"), settings, edge.load_routes()),  # noqa: S108 - a container's own
        BASE / "broker" / "mosquitto.conf": broker.MOSQUITTO.format(
            port=MQTT_PORT,
            host="0.0.0.0",  # noqa: S104 - inside a container; network policies and published ports decide
            directory="/broker",
        ),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` report those that differ."""
    stale = [
        path
        for path, text in container_files().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    if "--check" in arguments:
        for path in stale:
            print(f"stale: {path.relative_to(BASE.parents[2])} (run `make routes`)")
        return 1 if stale else 0
    for path, text in container_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
