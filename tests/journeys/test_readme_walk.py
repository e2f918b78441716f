"""The README's walk, run as it is written, against a platform of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.city import City

pytestmark = pytest.mark.timeout(600)

README = Path(__file__).resolve().parents[2] / "README.md"


def _walk() -> str:
    text = README.read_text("utf-8").split("## A walk through the main job", 1)[1]
    found = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_walk_runs_as_written(city: City) -> None:
    own = {"API": city.address, "MQTT": str(city.mqtt_port), "RUN": str(city.run)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _walk()],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"verdict":"feasible"' in done.stdout
    assert '"verdict":"denied"' in done.stdout or '"verdict":"allowed"' in done.stdout
    assert '"head"' in done.stdout
