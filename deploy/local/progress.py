"""Progress lines of long steps, and the one way a command of `deploy.local` gives up."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICK_SECONDS = 5.0
_BEGAN = time.monotonic()


class DeployError(Exception):
    """A step cannot go on; the text says what is wrong and what to do about it."""


def say(text: str) -> None:
    """Prints one progress line at once."""
    print(text, flush=True)


def step(text: str) -> None:
    """Prints what begins now, with the seconds since the command began."""
    say(f"[{time.monotonic() - _BEGAN:5.1f} s] {text}")


def run_logged(
    what: str,
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Runs a long command with its output in `log`, printing a line every few seconds.

    Raises:
        DeployError: the command failed; the text carries the last lines of its output.
    """
    step(f"{what} …")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        start = sink.tell()
        child = subprocess.Popen(
            list(command), stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, cwd=cwd
        )
        try:
            code = _wait_with_ticks(child, what)
        except KeyboardInterrupt:
            child.terminate()
            child.wait()
            raise
    if code != 0:
        with log.open("rb") as source:
            source.seek(start)
            tail = source.read().decode(errors="replace").strip().splitlines()[-15:]
        raise DeployError(
            f"{what}: failed ({' '.join(command[:3])} …, exit {code}); log {log}\n  " + "\n  ".join(tail)
        )
    step(f"{what}: done")


def _wait_with_ticks(child: "subprocess.Popen[bytes]", what: str) -> int:
    while True:
        try:
            return child.wait(timeout=TICK_SECONDS)
        except subprocess.TimeoutExpired:
            step(f"{what} … still at it")


def fail(error: DeployError) -> int:
    """Prints the error where a person looks for it; the exit code of the command."""
    sys.stdout.flush()
    print(f"\nerror: {error}", file=sys.stderr, flush=True)
    return 1
