"""Back-off of restarts: a plug-in that supervisord loads into itself.

supervisor's own back-off ends in FATAL; here retries never end. A process that was killed from outside is
back at once; one that ends by itself waits longer each time, up to half a minute, until a life lasts.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

from supervisor import events

LASTING_SECONDS = 10.0
LONGEST_SECONDS = 30.0
FIRST_SECONDS = 0.5
FREE_CRASHES = 1
FREE_KILLS = 25


def pause_before(short_lives: int, *, killed: bool) -> float:
    """Seconds to wait before the next start after that many short lives in a row."""
    beyond = short_lives - (FREE_KILLS if killed else FREE_CRASHES)
    return 0.0 if beyond <= 0 else float(min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(beyond - 1, 16)))


class Pacer:
    """Counts short lives per process and leaves `<name>.wait` for the runner."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.short_lives: dict[str, int] = {}
        self.waited: dict[str, float] = {}

    def exited(self, event: Any) -> None:
        """A process ended without being asked to."""
        process = event.process
        name = str(process.config.name)
        lived = time.time() - process.laststart - self.waited.pop(name, 0.0)
        if lived >= LASTING_SECONDS:
            self.short_lives.pop(name, None)
            return
        self.short_lives[name] = self.short_lives.get(name, 0) + 1
        wait = pause_before(self.short_lives[name], killed=process.exitstatus == -1)
        if wait:
            self.waited[name] = wait
            with contextlib.suppress(OSError):
                (self.directory / f"{name}.wait").write_text(str(wait))


class Namespace:
    """Nothing callable: the plug-in only listens."""


def make(supervisord: Any, pids: str) -> Namespace:
    """Factory named in the configuration's rpcinterface section."""
    del supervisord
    events.subscribe(events.ProcessStateExitedEvent, Pacer(Path(pids)).exited)
    return Namespace()
