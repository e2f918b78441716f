"""A test that runs alone waits for those under way, and those that come after wait for it."""

import fcntl
import threading
from pathlib import Path

from tests.support.turns import turn
from tests.support.waiting import until


def _gate_is_held(run: Path) -> bool:
    with (run / "gate").open("w") as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_one_runs_alone(tmp_path: Path) -> None:
    order: list[str] = []

    def take(name: str, *, alone: bool) -> threading.Thread:
        def run() -> None:
            with turn(tmp_path, alone=alone):
                order.extend([f"{name} begins", f"{name} ends"])

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with turn(tmp_path, alone=False):
        take("beside", alone=False).join(5)
        first = take("alone", alone=True)
        until(lambda: _gate_is_held(tmp_path))
        second = take("after", alone=False)
        assert order == ["beside begins", "beside ends"]
    for thread in (first, second):
        thread.join(5)
    assert order[2:] == ["alone begins", "alone ends", "after begins", "after ends"]
