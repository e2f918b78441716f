"""May firm and vehicle carry a job: courses of standings against its hours, for many rows at once.

A firm must be active when it is asked, for it acts then, and throughout the job's hours; the papers of the
vehicle must be in force throughout those. A row of the fleet holds what both courses come to: the last gap
in which either keeps the vehicle away, and when all gaps before it have ended. Nearly always that tells;
where an earlier gap may still matter, the courses themselves are looked at.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.job import Job
from services.shared.rules.standing import Course, Standing

Mask = NDArray[np.bool_]

GAPS: Final = np.dtype(
    [(f"{of}_{name}", "f8") for of in ("firm", "papers") for name in ("off", "on", "earlier")]
)
"""The last gap of each of a row's two courses, as `last_gap` returns it."""
FIRM, PAPERS = list(GAPS.names or ())[:3], list(GAPS.names or ())[3:]


def last_gap(course: Course) -> tuple[float, float, float]:
    """Return the last gap [off, on) in which a course is not active, and when the one before it ended.

    Epoch seconds; infinite where it is open. Without a gap the three touch nothing.
    """
    off, on, earlier = math.inf, -math.inf, -math.inf
    for number, standing in enumerate(course.standings):
        since = standing.since.timestamp() if number else -math.inf
        if standing.active and on == math.inf:
            on = since
        elif not standing.active and on != math.inf:
            off, on, earlier = since, math.inf, on
    return off, on, earlier


def put_together(rows: NDArray[Any], gaps: NDArray[Any]) -> None:
    """Write into the fleet's rows what their two courses come to."""
    firm_last = gaps["firm_on"] > gaps["papers_on"]
    both_open = np.isposinf(gaps["firm_on"]) & np.isposinf(gaps["papers_on"])
    first_off = np.minimum(gaps["firm_off"], gaps["papers_off"])
    last_off = np.where(firm_last, gaps["firm_off"], gaps["papers_off"])
    earlier = np.maximum(gaps["firm_earlier"], gaps["papers_earlier"])
    other_on = np.minimum(gaps["firm_on"], gaps["papers_on"])
    rows["off"] = np.where(both_open, first_off, last_off)
    rows["on"] = np.maximum(gaps["firm_on"], gaps["papers_on"])
    rows["earlier"] = np.where(both_open, earlier, np.maximum(earlier, other_on))


def firm_standings(fleet: Fleet, row: int, job: Job) -> tuple[Standing, ...]:
    """Return what holds of a row's firm when it is asked and in the job's hours."""
    course = fleet.firm_of(row)
    return (course.at(job.now), *course.over(job.pickup.start, job.delivery.end))


def paper_standings(fleet: Fleet, row: int, job: Job) -> tuple[Standing, ...]:
    """Return what holds of a row's papers in the job's hours."""
    return fleet.vehicles[row].papers.over(job.pickup.start, job.delivery.end)


def operate(fleet: Fleet, rows: Rows, job: Job) -> Mask:
    """Tell which rows' firms and papers are in order as long as the job asks."""
    now, on = job.now.timestamp(), fleet.values("on", rows)
    begun = fleet.values("off", rows) < job.delivery.end.timestamp()
    gone: Mask = begun & (on > job.pickup.start.timestamp())
    unsure = (begun & (on > now) | (fleet.values("earlier", rows) > now)) & ~gone
    for place in np.flatnonzero(unsure):
        row = int(rows[place])
        standings = (*firm_standings(fleet, row, job), *paper_standings(fleet, row, job))
        gone[place] = not all(each.active for each in standings)
    return ~gone
