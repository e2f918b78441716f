"""The committed API descriptions."""

import json
from pathlib import Path
from typing import Any

ORDER = ("registry", "telemetry", "permits", "matching", "gateway")


def read_descriptions(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the OpenAPI document of each service whose file is there, in the platform's order."""
    files = {name: directory / f"{name}.json" for name in ORDER}
    return {
        name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()
    }
