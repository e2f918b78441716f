"""What supervisor starts for each process: end its recorded orphan, wait if told, record itself, become it.

`python -m deploy.local.runner <pids directory> <name> <command> …`
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

from deploy.local import identity


def main(arguments: list[str]) -> None:
    """Replaces this process by the command; never returns."""
    directory, name, *command = Path(arguments[0]), *arguments[1:]
    ended = identity.end(directory, name)
    if ended:
        print(f"runner: ended the orphans {ended} of {name}", flush=True)
    # A reload or a save may be asked for before the program has its handlers: that must not end it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    identity.record(directory, name, os.getpid())
    wait = directory / f"{name}.wait"
    with contextlib.suppress(OSError, ValueError):
        seconds = float(wait.read_text())
        wait.unlink()
        print(f"runner: {name} failed again and again; starting in {seconds:.1f} s", flush=True)
        signal.sigtimedwait([], seconds)
    os.execvp(command[0], command)  # noqa: S606 - the command is the process table's


if __name__ == "__main__":
    main(sys.argv[1:])
