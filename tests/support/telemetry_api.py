"""`python -m tests.support.telemetry_api jwks.json`: telemetry's API as a process that trusts the test."""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from services.shared.logs import configure_logs
from services.telemetry.main import create_app
from services.telemetry.settings import TelemetrySettings


def main(jwks_file: Path) -> None:
    """Serve until SIGTERM."""
    configure_logs("telemetry-api")
    settings = TelemetrySettings()
    jwks: dict[str, Any] = json.loads(jwks_file.read_text())

    async def fetch() -> dict[str, Any]:
        return jwks

    uvicorn.run(
        create_app(settings, fetch), host=settings.host, port=settings.port, log_config=None, access_log=False
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
