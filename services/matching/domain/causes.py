"""Exactly why a vehicle may not carry a load: every cause that stands in the way, no other.

Each cause is judged as if all others were mended, so mending just the named ones makes the vehicle
feasible (promise 5). Codes:

- `enterprise_not_active`: its firm is unknown, or suspended or closed by an official, now or in these hours;
- `enterprise_lapsed`: licences of its firm are not in force, now or at some instant of the job's hours;
- `vehicle_lapsed`: inspection, insurance or road transport certificate is not, at some instant of these;
- `vehicle_not_valid`: its registration does not cover the time from the pickup (or now) to the delivery;
- `no_position`, `position_stale`: where it is, is unknown; it takes a fresh position within the approach;
- `distance`: its latest position, fresh or not, is too far from the origin;
- `capacity_weight`, `capacity_volume`: the load is heavier or larger, or the cargo volume is not stated;
- `refrigeration`: it cannot keep the load's temperature class;
- `booked`: it is promised to another waybill in these hours;
- `permit`, `rule`: traffic rules leave no instant of the pickup window at the origin, or of the delivery
  window at the destination (after the earliest pickup); see `restrictions`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from services.matching.domain.cargo import sufficient
from services.matching.domain.feasibility import Masks, judge
from services.matching.domain.fleet import Fleet
from services.matching.domain.job import Job
from services.matching.domain.limits import Limits
from services.matching.domain.restrictions import Access, Barrier
from services.matching.domain.rulebook import JobAccess
from services.matching.domain.standings import firm_standings, paper_standings
from services.shared.rules.standing import (
    ENTERPRISE_LAPSED,
    ENTERPRISE_NOT_ACTIVE,
    VEHICLE_LAPSED,
    Standing,
    enterprise_lapsed,
    vehicle_lapsed,
)
from services.shared.schemas import format_instant
from services.shared.standards.check import Reason

LEGAL: frozenset[str] = frozenset(
    {
        ENTERPRISE_NOT_ACTIVE,
        ENTERPRISE_LAPSED,
        VEHICLE_LAPSED,
        "vehicle_not_valid",
        "capacity_weight",
        "capacity_volume",
        "refrigeration",
        "permit",
        "rule",
    }
)
"""Causes that still forbid when an offer is accepted; where the vehicle is at that moment does not."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of a refusal; `detail` holds what is and what is needed."""

    code: str
    zh: str
    en: str
    detail: dict[str, Any] = field(default_factory=dict)


def causes(fleet: Fleet, row: int, job: Job, limits: Limits, access: JobAccess) -> list[Cause]:
    """Return every cause for which one vehicle is refused; empty when it is feasible."""
    masks = judge(fleet, np.array([row], np.intp), job, limits)
    found = [*_standing(fleet, row, masks, job), *_position(fleet, row, masks, job, limits)]
    found += [*_capacity(fleet, row, masks, job)]
    if not access.is_open:
        for place, way in zip(("origin", "destination"), access.of(fleet.vehicles[row]), strict=True):
            found += _barriers(place, way)
    return found


def _standing(fleet: Fleet, row: int, masks: Masks, job: Job) -> list[Cause]:
    vehicle, found = fleet.vehicles[row], list[Cause]()
    if not masks.operating[0]:
        found += _firm_causes(firm_standings(fleet, row, job), job)
        found += _paper_causes(paper_standings(fleet, row, job), job)
    if not masks.valid[0]:
        found.append(
            Cause(
                "vehicle_not_valid",
                "车辆登记未覆盖运输时段",
                "the registration does not cover the time of the job",
                {
                    "valid_from": format_instant(vehicle.valid_from),
                    "valid_to": format_instant(vehicle.valid_to) if vehicle.valid_to else None,
                    "needed_from": format_instant(job.pickup.start),
                    "needed_to": format_instant(job.delivery.end),
                },
            )
        )
    if not masks.free[0]:
        found.append(
            Cause(
                "booked",
                "车辆该时段已有运单",
                "the vehicle is promised to another waybill in these hours",
                {"from": format_instant(job.pickup.start), "to": format_instant(job.delivery.end)},
            )
        )
    return found


def _firm_causes(standings: Sequence[Standing], job: Job) -> Iterator[Cause]:
    """Name what keeps a firm out; the first standing is that of now."""
    if not all(each.open for each in standings):
        yield Cause(ENTERPRISE_NOT_ACTIVE, "承运企业未处于正常状态", "the carrier is not active")
    if any(each.lapses for each in standings):
        begin = job.now if standings[0].lapses else job.pickup.start
        yield _lapsed(standings, enterprise_lapsed, begin, job.delivery.end)


def _paper_causes(standings: Sequence[Standing], job: Job) -> Iterator[Cause]:
    if any(each.lapses for each in standings):
        yield _lapsed(standings, vehicle_lapsed, job.pickup.start, job.delivery.end)


def _lapsed(
    standings: Sequence[Standing],
    told: Callable[[Iterable[str]], Reason],
    needed_from: datetime,
    needed_to: datetime,
) -> Cause:
    """Name every paper that is missing at some instant, and since when the first of them is."""
    lapsed = [each for each in standings if each.lapses]
    kinds = sorted({kind for each in lapsed for kind in each.lapses})
    reason = told(kinds)
    detail = {
        "causes": kinds,
        "since": format_instant(min(each.since for each in lapsed)),
        "needed_from": format_instant(needed_from),
        "needed_to": format_instant(needed_to),
    }
    return Cause(reason.code, reason.zh, reason.en, detail)


def _position(fleet: Fleet, row: int, masks: Masks, job: Job, limits: Limits) -> list[Cause]:
    needed = {"max_age_s": limits.position_max_age_s, "max_approach_km": limits.max_approach_km}
    if not masks.located[0]:
        text = "须有一条在接货半径内的最新定位", "needs a fresh position within the approach"
        return [Cause("no_position", f"无定位；{text[0]}", f"no position; {text[1]}", dict(needed))]
    found = []
    if not masks.fresh[0]:
        age = round(job.now.timestamp() - float(fleet.rows["fix"][row]))
        detail = {"age_s": age, "max_age_s": limits.position_max_age_s}
        found.append(Cause("position_stale", "定位已过时", "the latest position is too old", detail))
    if not masks.near[0]:
        detail = {"distance_km": math.ceil(masks.km[0]), "max_approach_km": limits.max_approach_km}
        found.append(Cause("distance", "距装货地过远", "too far from the origin", detail))
    return found


def _capacity(fleet: Fleet, row: int, masks: Masks, job: Job) -> list[Cause]:
    vehicle, found = fleet.vehicles[row], []
    if not masks.weight[0]:
        detail: dict[str, Any] = {"payload_kg": vehicle.payload_kg, "weight_kg": job.weight_kg}
        found.append(Cause("capacity_weight", "超过核定载质量", "heavier than the payload", detail))
    if not masks.volume[0]:
        detail = {"vehicle_volume_m3": vehicle.volume_m3, "volume_m3": job.volume_m3}
        stated = vehicle.volume_m3 is not None
        zh, en = (
            ("超过货厢容积", "larger than the cargo volume")
            if stated
            else ("未登记货厢容积", "the cargo volume is not stated")
        )
        found.append(Cause("capacity_volume", zh, en, detail))
    if not masks.cold[0]:
        detail = {"refrigeration": vehicle.refrigeration, "needed": sufficient(job.temperature)}
        found.append(
            Cause("refrigeration", "不满足温控要求", "cannot keep the load's temperature class", detail)
        )
    return found


def _barriers(place: str, access: Access) -> list[Cause]:
    return [_barrier(place, barrier) for barrier in access.barriers]


def _barrier(place: str, barrier: Barrier) -> Cause:
    where_zh, where_en = ("装货地", "origin") if place == "origin" else ("卸货地", "destination")
    codes = ", ".join(code for _, code in barrier.rules)
    zh, en = (
        (f"{where_zh}须有通行证（规则 {codes}）", f"a permit is needed at the {where_en} (rules {codes})")
        if barrier.code == "permit"
        else (
            f"{where_zh}该时段禁行（规则 {codes}）",
            f"banned at the {where_en} in the window (rules {codes})",
        )
    )
    return Cause(
        barrier.code,
        zh,
        en,
        {
            "place": place,
            "at": format_instant(barrier.at),
            "rules": [{"id": str(i), "code": code} for i, code in barrier.rules],
            "area_ids": [str(area) for area in barrier.area_ids],
            "permit_types": list(barrier.permit_types),
            "unmet": [{"code": r.code, "zh": r.zh, "en": r.en} for r in barrier.reasons],
        },
    )
