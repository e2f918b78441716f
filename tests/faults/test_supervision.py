"""Supervision with a small process table: killed children are back, and nothing outlives its end."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import identity
from deploy.local.pacing import FREE_KILLS, LONGEST_SECONDS, pause_before
from deploy.local.places import CHECKOUT
from deploy.local.supervision import Program, Supervision
from tests.support.scratch import scratch_directory
from tests.support.waiting import until

BACK_WITHIN_SECONDS = 2.0
KILLS = 20
SLEEPER = (sys.executable, "-c", "import signal; signal.pause()")
FAMILY_PROGRAM = (
    "import signal, subprocess, sys;"
    " subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
    " print('family', flush=True); signal.pause()"
)
FAMILY = (sys.executable, "-c", FAMILY_PROGRAM)
CRASHER = (sys.executable, "-c", "import sys; print('crash', flush=True); sys.exit(3)")
ENVIRONMENT = {"PYTHONPATH": str(CHECKOUT)}


@pytest.fixture
def supervision(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervision]:
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    with scratch_directory() as directory:
        found = Supervision(directory / "run", Path(sys.executable), CHECKOUT)
        (directory / "run").mkdir()
        yield found
        found.shut_down()


def _launch(supervision: Supervision, **commands: tuple[str, ...]) -> None:
    supervision.launch(
        [Program(name, command, ENVIRONMENT, stop_seconds=5) for name, command in commands.items()]
    )
    for name in commands:
        supervision.start(name)


def _pid(supervision: Supervision, name: str) -> int:
    return int(supervision.states()[name]["pid"])


def _became(supervision: Supervision, name: str) -> bool:
    """Whether the runner has become the program."""
    try:
        words = Path(f"/proc/{_pid(supervision, name)}/cmdline").read_bytes()
    except OSError:
        return False
    return b"signal.pause" in words and b"deploy.local.runner" not in words


def _group(pid: int) -> list[int]:
    found = (identity.identify(int(entry.name)) for entry in Path("/proc").glob("[0-9]*"))
    return [process.pid for process in found if process is not None and process.group == pid]


def test_a_killed_child_is_back_within_two_seconds_every_time(supervision: Supervision) -> None:
    _launch(supervision, sleeper=SLEEPER)
    until(lambda: _became(supervision, "sleeper"), 5)
    slowest = 0.0
    for _ in range(KILLS):
        before = _pid(supervision, "sleeper")
        began = time.monotonic()
        os.kill(before, signal.SIGKILL)
        until(lambda before=before: _pid(supervision, "sleeper") not in {0, before}, 5)  # type: ignore[misc]
        until(lambda: _became(supervision, "sleeper"), 5)
        slowest = max(slowest, time.monotonic() - began)
    assert slowest <= BACK_WITHIN_SECONDS


def test_the_children_of_a_killed_leader_are_ended_before_it_is_back(supervision: Supervision) -> None:
    _launch(supervision, family=FAMILY)
    log = supervision.run / "logs" / "family.log"
    until(lambda: log.exists() and "family" in log.read_text(), 5)
    leader = _pid(supervision, "family")
    children = [pid for pid in _group(leader) if pid != leader]
    assert len(children) == 1
    os.kill(leader, signal.SIGKILL)
    until(lambda: log.read_text().count("family\n") == 2, 5)
    assert identity.identify(children[0]) is None


def test_down_leaves_no_process(supervision: Supervision) -> None:
    _launch(supervision, family=FAMILY, sleeper=SLEEPER)
    log = supervision.run / "logs" / "family.log"
    until(lambda: log.exists() and "family" in log.read_text(), 5)
    everybody = [*_group(_pid(supervision, "family")), _pid(supervision, "sleeper"), supervision.pid() or 0]
    assert len(everybody) == 4
    supervision.shut_down()
    assert [pid for pid in everybody if identity.identify(pid)] == []
    assert supervision.pid() is None


def test_orphans_of_a_killed_supervisord_are_ended_by_the_next_start(supervision: Supervision) -> None:
    _launch(supervision, sleeper=SLEEPER)
    until(lambda: _became(supervision, "sleeper"), 5)
    orphan, master = _pid(supervision, "sleeper"), supervision.pid() or 0
    os.kill(master, signal.SIGKILL)
    until(lambda: supervision.pid() is None, 5)
    assert identity.identify(orphan) is not None
    _launch(supervision, sleeper=SLEEPER)
    assert identity.identify(orphan) is None
    assert _pid(supervision, "sleeper") != orphan


def test_a_crash_loop_is_retried_for_ever_with_growing_pauses(supervision: Supervision) -> None:
    _launch(supervision, crasher=CRASHER)
    log = supervision.run / "logs" / "crasher.log"
    until(lambda: log.exists() and log.read_text().count("crash\n") >= 4, 15)
    assert "starting in 0.5 s" in log.read_text()
    assert supervision.states()["crasher"]["statename"] in {"RUNNING", "STARTING", "EXITED"}


def test_pauses_grow_to_half_a_minute_and_kills_from_outside_do_not_count_at_first() -> None:
    assert [pause_before(lives, killed=False) for lives in range(1, 10)] == [0, 0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pause_before(1000, killed=False) == LONGEST_SECONDS
    assert pause_before(FREE_KILLS, killed=True) == 0


def test_a_recycled_pid_is_not_taken_for_an_orphan(tmp_path: Path) -> None:
    identity.record(tmp_path, "me", os.getpid())
    known = identity.recorded(tmp_path, "me")
    assert known is not None
    stranger = identity.Identity(known.pid, known.group, known.session, known.started - 1, known.boot)
    assert identity.survivors(stranger) == []
