"""The measurements of `bench.ingest`, each giving what it found and the figures that have bounds."""

import asyncio
import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.ingest import latency, receipts
from bench.ingest.rates import Load, Rate, copied, encoded, ours, raw, usual
from bench.ingest.stage import OWN, Stage, ingest

MANY = 20_000
FIFTY = 50
ONE_WINDOW = 2000


@dataclass(frozen=True)
class Size:
    """How much is sent, and how often."""

    runs: int
    singles: int
    batches: int
    burst: int
    seconds: float
    fill: int


@dataclass
class Found:
    """Figures by name, and the runs they come from."""

    figures: dict[str, float]
    runs: list[dict[str, Any]]


def _told(run: dict[str, Rate]) -> dict[str, Any]:
    return {
        name: {"per_s": round(rate.per_s), "by_cpu": round(rate.unhindered), "cpu_us": rate.cpu_us}
        for name, rate in run.items()
    }


def _tell(run: dict[str, Rate]) -> None:
    print({**_told(run), "load": round(os.getloadavg()[0], 1)}, flush=True)


def _ratio(runs: list[dict[str, Rate]], name: str, of: str, figure: Callable[[Rate], float]) -> float:
    medians = [statistics.median(figure(run[each]) for run in runs if each in run) for each in (name, of)]
    return round(medians[0] / medians[1], 3)


def _per_s(rate: Rate) -> float:
    return rate.per_s


def _by_cpu(rate: Rate) -> float:
    return rate.unhindered


def singles(stage: Stage, size: Size) -> Found:
    """One position a message."""
    load, runs = Load(stage.terminals, size.singles), []
    for turn in range(size.runs):
        run = {"raw": raw(stage, load)}
        asyncio.run(stage.empty())
        with ingest(stage) as member:
            ours(stage, Load(stage.terminals, size.singles // 10), member)
            run["ours"] = ours(stage, load, member)
        if not turn:
            run["paho_insert"] = usual(stage, Load(stage.terminals, size.singles // 10), "insert")
            run["paho_copy"] = usual(stage, load, "copy")
        _tell(run)
        runs.append(run)
    figures = {
        "singles_per_s": round(statistics.median(run["ours"].per_s for run in runs)),
        "raw_broker_per_s": round(statistics.median(run["raw"].per_s for run in runs)),
        "singles_to_raw_broker": _ratio(runs, "ours", "raw", _per_s),
        "singles_to_raw_broker_by_cpu": _ratio(runs, "ours", "raw", _by_cpu),
        "singles_to_paho_insert": _ratio(runs, "ours", "paho_insert", _per_s),
        "singles_to_paho_copy": _ratio(runs, "ours", "paho_copy", _per_s),
    }
    return Found(figures, [_told(run) for run in runs])


def batches(stage: Stage, size: Size) -> Found:
    """Fifty positions a message."""
    load, runs = Load(stage.terminals, size.batches, FIFTY), []
    asyncio.run(stage.empty())
    keys = asyncio.run(stage.keys())[:OWN]
    if size.fill:
        filling = Load(stage.terminals, size.fill // FIFTY, FIFTY)
        asyncio.run(copied(stage, encoded(keys, filling), filling.total))
    with ingest(stage) as member:
        ours(stage, Load(stage.terminals, size.batches // 10, FIFTY), member)
        for _ in range(size.runs):
            run = {"copy": asyncio.run(copied(stage, list(encoded(keys, load)), load.total))}
            run["ours"] = ours(stage, load, member)
            _tell(run)
            runs.append(run)
    figures = {
        "rows_before": size.fill,
        "batches_per_s": round(statistics.median(run["ours"].per_s for run in runs)),
        "copy_per_s": round(statistics.median(run["copy"].per_s for run in runs)),
        "batches_to_copy": _ratio(runs, "ours", "copy", _per_s),
        "batches_to_copy_by_cpu": _ratio(runs, "ours", "copy", _by_cpu),
    }
    return Found(figures, [_told(run) for run in runs])


def burst(stage: Stage, size: Size) -> Found:
    """At full speed, with receipts read."""
    found = receipts.burst(stage, size.burst)
    print(found, flush=True)
    return Found({f"burst_{name}": value for name, value in found.items()}, [found])


def waits(stage: Stage, size: Size) -> Found:
    """Publish to commit, publish to readable."""
    limit = raw(stage, Load(stage.terminals, size.singles))
    tenth = latency.committed(stage, int(limit.per_s / 10), size.seconds)
    thousand = latency.committed(stage, 1000, size.seconds)
    readable = latency.readable(stage, 1000, size.seconds)
    for run in (tenth, thousand, readable):
        print({**run, "load": round(os.getloadavg()[0], 1)}, flush=True)
    figures = {
        "commit_p50_at_tenth_of_broker_in_fdatasyncs": tenth["p50_in_fdatasyncs"],
        "commit_p99_at_1000_in_fdatasyncs": thousand["p99_in_fdatasyncs"],
        "readable_p99_at_1000_ms": readable["p99_ms"],
    }
    return Found(figures, [tenth, thousand, readable])


def terminals(stage: Stage, size: Size) -> Found:
    """The price of a position of few and of many terminals, all through one user."""
    asyncio.run(stage.provision(MANY))
    runs = []
    for _ in range(size.runs):
        run: dict[str, Rate] = {}
        for count in (OWN, MANY):
            load = Load(stage.everyone(count), 2 * size.singles, window=ONE_WINDOW)
            asyncio.run(stage.empty())
            with ingest(stage) as member:
                ours(stage, Load(stage.everyone(count), MANY, window=ONE_WINDOW), member)
                run[f"{count}"] = ours(stage, load, member)
        _tell(run)
        runs.append(run)

    def price(rate: Rate) -> float:
        return sum(rate.cpu_us.values())

    return Found(
        {"price_of_20000_to_100_terminals": _ratio(runs, f"{MANY}", f"{OWN}", price)},
        [_told(run) for run in runs],
    )
