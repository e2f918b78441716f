"""Many open JT/T 808 connections: an honest report is answered within 200 ms (p99), none is lost.

The short form holds 300 connections, the long one the issue's 5,000; strangers that never show a code and
connections that send garbage stand beside them.
"""

import argparse
import os

from bench.jt808 import LIMIT_MS, bench

LONG = bool(os.environ.get("FREIGHT_LONG"))


def test_honest_terminals_are_answered_in_time() -> None:
    options = argparse.Namespace(
        connections=5000 if LONG else 300,
        period=10.0 if LONG else 2.0,
        seconds=60.0 if LONG else 8.0,
        rush=0.0,
        strangers=1000 if LONG else 100,
    )
    found = bench(options)
    assert found["connections"] == options.connections
    assert found["answered"] == options.connections * int(options.seconds / options.period)
    assert found["missing"] == 0
    assert found["ours"] <= LIMIT_MS
