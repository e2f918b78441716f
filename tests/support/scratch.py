"""Directories for processes that run as the unprivileged account: pytest's own are closed to it."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.local import places


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """A fresh directory with a short path that belongs to the unprivileged account."""
    directory = Path(tempfile.mkdtemp(prefix="cityfreight-test-"))
    places.give(directory, places.choose_account())
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
