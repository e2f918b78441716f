"""Which worker runs what: a file stays on one worker, and some files together.

xdist's own groups (`--dist loadgroup`) write a private attribute of the test items that pytest 9 no longer
reads, so the groups are named here.
"""

from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

CITY = "a whole platform, one after the other: two at once would share two cores"
PROBE = "the probe's database roles, which belong to the whole cluster"
GROUPS = {
    "tests/deploy/test_make_up.py": CITY,
    "tests/journeys/test_cascade.py": CITY,
    "tests/journeys/test_day.py": CITY,
    "tests/journeys/test_readme_walk.py": CITY,
    "tests/faults/test_feed.py": PROBE,
    "tests/shared/changes/": PROBE,
    "tests/shared/follow/": PROBE,
}
LONGEST_FIRST = (CITY, PROBE)


def scope_of(nodeid: str) -> str:
    """The group of a test, else its file."""
    path = nodeid.split("::", 1)[0]
    return next((group for prefix, group in GROUPS.items() if path.startswith(prefix)), path)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The longest groups first, so that they do not end alone; the rest as collected."""

    def rank(item: pytest.Item) -> int:
        scope = scope_of(item.nodeid)
        return LONGEST_FIRST.index(scope) if scope in LONGEST_FIRST else len(LONGEST_FIRST)

    return sorted(items, key=rank)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out groups and files."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """The scheduler of `pytest -n`."""
    return Scheduling(config, log)
