"""Rows of the test data from outside, where they are present."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("FREIGHT_TEST_DATA", ROOT.parent / "shared" / "data"))


def rows(relative: str) -> list[dict[str, Any]]:
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"{relative} is not under FREIGHT_TEST_DATA ({DATA})")
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
