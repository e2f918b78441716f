"""The telemetry API in a process of its own, for those who read while ingest writes."""

from pathlib import Path
from typing import Any

from bench.serving import run
from services.shared.auth import AccessTokenIssuer
from services.shared.logs import configure_logs
from services.telemetry.main import create_app
from services.telemetry.settings import TelemetrySettings
from tests.factories.telemetry import settings_values


def serve(given: dict[str, Any]) -> None:
    """Serve it until it is ended; `registry_key` signs the readers' tokens."""
    configure_logs("telemetry-api")
    issuer = AccessTokenIssuer(given["registry_key"])

    async def jwks() -> dict[str, Any]:
        return issuer.jwks()

    directory = Path(given["directory"]) / "api"
    directory.mkdir(exist_ok=True)
    settings = TelemetrySettings(**settings_values(given["urls"], "telemetry_api", directory))
    run(create_app(settings, jwks), given["port"])
