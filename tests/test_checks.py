"""What `make check` runs, in every test run too: lint, format, types, contracts, generated files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import bootstrap

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = bootstrap.commands("check", [], sys.executable)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[-3:]))
def test_check_is_green(command: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
