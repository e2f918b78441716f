"""`python -m tests.support.telemetry_server '{…}'`: telemetry's API in a process of its own, to be ended."""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn

from services.shared.auth.tokens import public_part
from services.shared.logs import configure_logs
from services.telemetry.main import create_app
from services.telemetry.settings import TelemetrySettings
from tests.factories.telemetry import settings_values


def main() -> None:
    """Serve until ended; uvicorn waits for every answer, however long."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    configure_logs("telemetry-api")

    async def jwks() -> dict[str, Any]:
        return {"keys": [public_part(given["registry_key"])]}

    values = settings_values(given["urls"], "telemetry_api", Path(given["directory"]))
    app = create_app(TelemetrySettings(**values), jwks)
    uvicorn.run(app, port=given["port"], log_config=None, access_log=False)


if __name__ == "__main__":
    main()
