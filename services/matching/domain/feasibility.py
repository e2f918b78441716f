"""May this vehicle carry this load, and if not, exactly why: every cause that stands in the way, no other.

Each cause is judged as if all others were mended, so mending just the named ones makes the vehicle
feasible (promise 5). Codes:

- `enterprise_not_active`: its firm is suspended, closed or unknown;
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
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.domain.cargo import NEEDED_LEVEL, sufficient
from services.matching.domain.fleet import Fleet, Rows
from services.matching.domain.job import Job
from services.matching.domain.limits import Limits
from services.matching.domain.restrictions import Access, Barrier
from services.matching.domain.rulebook import JobAccess
from services.shared.schemas import format_instant

LEGAL: frozenset[str] = frozenset(
    {
        "enterprise_not_active",
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


@dataclass(frozen=True, slots=True)
class Masks:
    """For chosen rows, what holds; NaN distance where the place is unknown."""

    km: NDArray[np.float64]
    active: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    located: NDArray[np.bool_]
    fresh: NDArray[np.bool_]
    near: NDArray[np.bool_]
    weight: NDArray[np.bool_]
    volume: NDArray[np.bool_]
    cold: NDArray[np.bool_]
    free: NDArray[np.bool_]

    def all(self) -> NDArray[np.bool_]:
        """Everything but the traffic rules holds."""
        return (
            self.active
            & self.valid
            & self.fresh
            & self.near
            & self.weight
            & self.volume
            & self.cold
            & self.free
        )


def judge(fleet: Fleet, rows: Rows, job: Job, limits: Limits, km: NDArray[np.float64] | None = None) -> Masks:
    """Judge rows at once, all but the traffic rules.

    Args:
        fleet: At one state.
        rows: Which vehicles.
        job: The load.
        limits: Of the match.
        km: Their distances where they are known already.
    """
    data = fleet.rows[rows]
    if km is None:
        km = fleet.distances(rows, job.pickup.point)
    located = np.isfinite(data["fix"])
    age = job.now.timestamp() - data["fix"]
    return Masks(
        km=km,
        active=data["active"],
        valid=(data["valid_from"] <= job.pickup.start.timestamp())
        & (data["valid_to"] >= job.delivery.end.timestamp()),
        located=located,
        fresh=located & (age <= limits.position_max_age_s),
        near=~located | (km <= limits.max_approach_km),
        weight=data["payload_kg"] >= job.weight_kg,
        volume=data["volume_m3"] >= job.volume_m3,
        cold=data["level"] >= NEEDED_LEVEL[job.temperature],
        free=_free(fleet, rows, job),
    )


def _free(fleet: Fleet, rows: Rows, job: Job) -> NDArray[np.bool_]:
    free = np.ones(len(rows), np.bool_)
    taken = [fleet.row_of[v] for v in job.booked if v in fleet.row_of]
    if taken:
        free[np.isin(rows, taken)] = False
    return free


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
    vehicle, found = fleet.vehicles[row], []
    if not masks.active[0]:
        found.append(Cause("enterprise_not_active", "承运企业未处于正常状态", "the carrier is not active"))
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
