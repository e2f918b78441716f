"""Ports of the tests: free ones, and proof that whoever answers is the process that was started."""

import socket

from deploy.local.ports import Holder, holders
from tests.support.waiting import until


def unused_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def holder_of(port: int) -> Holder | None:
    """Return who listens on a port, or None."""
    return next(iter(holders({port})), None)


def wait_for_listener(port: int, pid: int, seconds: float = 10.0) -> None:
    """Wait until process `pid` itself listens on the port.

    Raises:
        AssertionError: Another process has the port, or nobody within the time.
    """

    def listening() -> bool:
        holder = holder_of(port)
        assert holder is None or holder.pid == pid, f"{holder}, not by {pid}"
        return holder is not None

    until(listening, seconds)
