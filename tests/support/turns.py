"""Whose turn it is among the workers of a run: a test marked `alone` runs while no other test does."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(run: Path, *, alone: bool) -> Iterator[None]:
    """Wait for a test's turn and hold it.

    Args:
        run: Directory of the run, which its workers share.
        alone: No other test meanwhile. While one waits for that, no other begins, so it is never starved.
    """
    with (run / "gate").open("w") as gate, (run / "running").open("w") as running:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(running, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
