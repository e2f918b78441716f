"""How near ingest comes to what broker, database and disk can do, each beside its limit in the same run.

Everything runs with the shipped broker configuration, authentication and ACL, a durable PostgreSQL, and
ingest as it is: validation, deduplication, accounting, receipts, latest positions. A rate counts from the
first publish to the last commit. Beside each stands the processor time of a position in microseconds: where
the machine does something else, too, it says more than a rate, and `…_by_cpu` is the ratio that it allows on
two processors with nothing else to do.

- singles: one position a message, 100 terminals; the broker alone between two C programs is the limit; two
  consumers as they are usually written stand beside (`peers.py`);
- batches: fifty a message; the limit is one binary COPY of the same rows into the same partitioned table at
  the same fill;
- burst: at full speed; what was receipted and is missing;
- waits: publish to commit in units of the disk's fdatasync, publish to readable by the API;
- terminals: the price of a position of 100 and of 20,000 terminals, through one user.

`--full` has ten million rows, longer and more runs; the default takes some two minutes. The last line is one
JSON object with every figure that has a bound.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

from bench.ingest import sections
from bench.ingest.api import serve
from bench.ingest.sections import Found, Size
from bench.ingest.stage import OWN, prepared
from bench.serving import SERVE

SECTIONS = {
    "singles": sections.singles, "batches": sections.batches, "burst": sections.burst,
    "waits": sections.waits, "terminals": sections.terminals,
}  # fmt: skip
BOUNDS = {
    "singles_to_raw_broker": (">=", 0.9), "singles_to_paho_insert": (">=", 20),
    "singles_to_paho_copy": (">=", 2), "batches_to_copy": (">=", 1.0), "burst_receipted_missing": ("<=", 0),
    "burst_missing": ("<=", 0), "commit_p50_at_tenth_of_broker_in_fdatasyncs": ("<=", 15),
    "commit_p99_at_1000_in_fdatasyncs": ("<=", 50), "readable_p99_at_1000_ms": ("<=", 1000),
    "price_of_20000_to_100_terminals": ("<=", 1.3),
}  # fmt: skip
FULL = Size(runs=5, singles=200_000, batches=20_000, burst=250_000, seconds=20.0, fill=10_000_000)
SHORT = Size(runs=3, singles=50_000, batches=12_000, burst=50_000, seconds=5.0, fill=200_000)
OF_COPY_AT_10M = 0.9
LIMIT_IS = "raw broker, C publisher to C subscriber, same configuration"


def main() -> int:
    """Run the benchmark; the last line is one JSON object."""
    if sys.argv[1:2] == [SERVE]:
        serve(json.loads(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(prog="bench.ingest")
    parser.add_argument("--full", action="store_true", help="ten million rows, longer and more runs")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    for name in SHORT.__dataclass_fields__:
        parser.add_argument(f"--{name}", type=float if name == "seconds" else int)
    options = parser.parse_args()
    usual = FULL if options.full else SHORT
    given = {name: getattr(options, name) for name in SHORT.__dataclass_fields__}
    size = Size(**{name: getattr(usual, name) if value is None else value for name, value in given.items()})
    found: dict[str, Found] = {}
    start = time.monotonic()
    with prepared() as stage:
        asyncio.run(stage.provision(OWN))
        for name in options.only.split(","):
            print(f"-- {name} ({time.monotonic() - start:.0f} s)", flush=True)
            found[name] = SECTIONS[name](stage, size)
    print(json.dumps(report(found, size)))
    return 0


def report(found: dict[str, Found], size: Size) -> dict[str, Any]:
    """The result, one JSON object: every figure, and those with a bound beside it."""
    figures = {name: value for each in found.values() for name, value in each.figures.items()}
    bounds = dict(BOUNDS)
    if size.fill >= FULL.fill:
        bounds["batches_to_copy"] = (">=", OF_COPY_AT_10M)
    checked = {
        name: {"value": figures[name], "bound": f"{sign} {bound}", "met": _met(figures[name], sign, bound)}
        for name, (sign, bound) in bounds.items()
        if name in figures
    }
    return {
        "bench": "ingest", "ratio": figures.get("singles_to_raw_broker"),
        "ours": figures.get("singles_per_s"), "limit": figures.get("raw_broker_per_s"),
        "limit_is": LIMIT_IS, "bounds": checked, "figures": figures,
        "load": [round(each, 1) for each in os.getloadavg()],
        "runs": {name: each.runs for name, each in found.items()},
    }  # fmt: skip


def _met(value: float, sign: str, bound: float) -> bool:
    return value >= bound if sign == ">=" else value <= bound


if __name__ == "__main__":
    sys.exit(main())
