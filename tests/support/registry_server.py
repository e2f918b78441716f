"""The registry behind uvicorn, for tests that speak HTTP to it: `python -m tests.support.registry_server`.

Reads one JSON object from standard input: `urls`, `directory`, `port`.
"""

import json
import sys
from pathlib import Path

import uvicorn

from services.registry.main import create_app
from services.shared.logs import configure_logs
from tests.factories import registry as make


def main() -> None:
    """Serve until ended."""
    given = json.load(sys.stdin)
    configure_logs("registry")
    values = {"signing_key": given["signing_key"], "personal_keys": given["personal_keys"]}
    app = create_app(make.api_settings(given["urls"], Path(given["directory"]), **values))
    uvicorn.run(app, port=given["port"], log_config=None, access_log=False)


if __name__ == "__main__":
    main()
