"""Reading over HTTP costs no more than half as much again as the same query by psql (bench/reading.py).

The short form asks a few times, beside fewer positions of others, and compares the medians: ten answers have
no 95th percentile.
"""

import os

import pytest

from bench.reading import FIXES, IN_BOX, OTHERS, ROUNDS, bench

LONG = bool(os.environ.get("FREIGHT_LONG"))
MOST = 1.5

pytestmark = pytest.mark.timeout(900)


def test_a_map_and_a_days_track_come_as_fast_as_from_psql() -> None:
    found = bench(ROUNDS, OTHERS) if LONG else bench(10, 4 * FIXES)
    assert set(found["runs"]) == {
        "latest_of_a_firm", "latest_on_record", "latest_of_199_firms", "track", "track_thinned",
    }  # fmt: skip
    for name, run in found["runs"].items():
        ours, limit = (run[f"{side}_p{95 if LONG else 50}_ms"] for side in ("ours", "psql"))
        assert ours <= MOST * limit, (name, run)
    assert found["runs"]["latest_of_a_firm"]["bytes"] > 400 * IN_BOX, "every one of them, with its properties"
    assert found["runs"]["track"]["bytes"] > 50 * FIXES
    assert found["runs"]["track_thinned"]["bytes"] < found["runs"]["track"]["bytes"] / 4
