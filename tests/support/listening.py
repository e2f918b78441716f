"""Waiting until a process that a test started listens on its port, and is the one that does."""

import socket
import subprocess
import time
from pathlib import Path

from deploy.local import identity


def await_port(port: int, child: "subprocess.Popen[bytes]", log: Path, deadline: float) -> None:
    """Returns when the port takes connections; fails with the log when the process ends or time runs out."""
    while time.monotonic() < deadline:
        assert child.poll() is None, f"ended with {child.returncode}: {log.read_text()[-2000:]}"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        identity.pause()
    raise AssertionError(f"nothing listens on {port}: {log.read_text()[-2000:]}")
