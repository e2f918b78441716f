"""Plausibility of a month's statement, against the month before and the registered fleet.

A flag refuses nothing: it tells an official where to look. Every bound is versioned configuration of the
city profile ([DEF]); comparisons are exact decimals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from services.registry.domain.energy_use import ENERGY_ITEMS, may_use
from services.shared.schemas import Strict, Text
from services.shared.standards.energy import Powertrain

Stated = Mapping[str, Decimal]
"""Path of a field (`energy.diesel_l`, `vehicle_km`) → its value; what was not stated is absent."""

TOTAL: Final = "costs_yuan"
"""Path of the sum of all cost items; always there."""

Positive = Annotated[Decimal, Field(gt=0, max_digits=12)]


class Range(Strict):
    """Inclusive bounds."""

    low: Positive
    high: Positive

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class PerHundredKm(Strict):
    """Plausible use per 100 vehicle-kilometres, by kind of energy."""

    petrol_l: Range
    diesel_l: Range
    natural_gas_m3: Range
    lpg_kg: Range
    methanol_l: Range
    hydrogen_kg: Range
    electricity_kwh: Range


class StatementChecks(Strict):
    """One version of the city's bounds (`statement_checks.json`)."""

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    source: Annotated[Text, Field(min_length=1)]
    due_day: Annotated[int, Field(ge=1, le=28)]
    growth_factor: Annotated[Decimal, Field(gt=1, max_digits=6)]
    shrink_factor: Annotated[Decimal, Field(gt=0, lt=1, max_digits=6)]
    daily_km_max: Positive
    per_100_km: PerHundredKm


@dataclass(frozen=True, slots=True)
class FleetGroup:
    """Registered vehicles of a firm that are driven alike: how many, and the largest payload among them."""

    powertrain: Powertrain
    energy_code: str | None
    vehicles: int
    largest_payload_kg: int


@dataclass(frozen=True, slots=True)
class Flag:
    """One thing to look at: the value, what it was compared with, and the bound it is beyond."""

    code: str
    field: str
    value: Decimal
    compared: Decimal | None = None
    bound: Decimal | None = None


FLAG_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "above_month_before": ("较上月增长过大", "much more than the month before"),
    "below_month_before": ("较上月下降过大", "much less than the month before"),
    "cost_zero": ("有行驶里程但成本为零", "kilometres without any cost"),
    "energy_zero": ("有行驶里程但无能源消耗", "kilometres without any energy"),
    "energy_without_vehicle": ("登记车辆均不使用该能源", "no registered vehicle uses this energy"),
    "intensity_high": ("每百公里能耗过高", "more per 100 km than is plausible"),
    "intensity_low": ("每百公里能耗过低", "less per 100 km than is plausible"),
    "daily_distance_high": ("单车日均行驶里程过高", "more kilometres per vehicle and day than is plausible"),
    "turnover_high": (
        "周转量超过里程与最大核定载质量之积",
        "more tonne-kilometres than the kilometres times the largest payload",
    ),
    "vehicles_above_fleet": ("车辆数超过登记车辆数", "more vehicles than are registered"),
}
"""Code → Chinese and English text."""


def flags_of(
    stated: Stated, days: int, before: Stated | None, fleet: Sequence[FleetGroup], checks: StatementChecks
) -> list[Flag]:
    """Return everything implausible about a month.

    Args:
        stated: The month's figures.
        days: How many days it has.
        before: The figures of the month before, None when there are none to compare with.
        fleet: What was registered at any time of the month.
        checks: The bounds.
    """
    return [
        *_against(before or {}, stated, checks),
        *_missing(stated),
        *_energy(stated, fleet, checks.per_100_km),
        *_work(stated, days, fleet, checks),
    ]


def _against(before: Stated, stated: Stated, checks: StatementChecks) -> Iterator[Flag]:
    """From nothing there is no factor: a figure that was zero is not compared."""
    for field in sorted(stated):
        value, was = stated[field], before.get(field, Decimal(0))
        if was > 0 and value > was * checks.growth_factor:
            yield Flag("above_month_before", field, value, was, was * checks.growth_factor)
        if was > 0 and value < was * checks.shrink_factor:
            yield Flag("below_month_before", field, value, was, was * checks.shrink_factor)


def _missing(stated: Stated) -> Iterator[Flag]:
    km = stated["vehicle_km"]
    if km > 0 and stated[TOTAL] == 0:
        yield Flag("cost_zero", TOTAL, stated[TOTAL], km)
    if km > 0 and not any(_used(stated)):
        yield Flag("energy_zero", "energy", Decimal(0), km)


def _used(stated: Stated) -> Iterator[tuple[str, str, Decimal]]:
    """Yield item, path and amount of each energy of which some was used."""
    for item in ENERGY_ITEMS:
        amount = stated.get(f"energy.{item}", Decimal(0))
        if amount > 0:
            yield item, f"energy.{item}", amount


def _energy(stated: Stated, fleet: Sequence[FleetGroup], per_100_km: PerHundredKm) -> Iterator[Flag]:
    """The kilometres are those of the whole fleet: only where one energy is used do they bound it below."""
    km, used = stated["vehicle_km"], list(_used(stated))
    for item, field, amount in used:
        if not any(may_use(item, group.powertrain, group.energy_code) for group in fleet):
            yield Flag("energy_without_vehicle", field, amount, Decimal(0), Decimal(1))
        bounds: Range = getattr(per_100_km, item)
        if km > 0 and amount * 100 > bounds.high * km:
            yield Flag("intensity_high", field, amount * 100 / km, km, bounds.high)
        if km > 0 and len(used) == 1 and amount * 100 < bounds.low * km:
            yield Flag("intensity_low", field, amount * 100 / km, km, bounds.low)


def _work(stated: Stated, days: int, fleet: Sequence[FleetGroup], checks: StatementChecks) -> Iterator[Flag]:
    km, vehicles = stated["vehicle_km"], stated["vehicle_count"]
    vehicle_days = stated.get("vehicle_days") or vehicles * days
    if vehicle_days > 0 and km > checks.daily_km_max * vehicle_days:
        yield Flag("daily_distance_high", "vehicle_km", km / vehicle_days, vehicle_days, checks.daily_km_max)
    registered = Decimal(sum(group.vehicles for group in fleet))
    if vehicles > registered:
        yield Flag("vehicles_above_fleet", "vehicle_count", vehicles, registered, registered)
    turnover = stated.get("tonne_km")
    if turnover is not None and fleet:
        # Whoever drove the kilometres, no vehicle carried more than the largest payload.
        tonnes = Decimal(max(group.largest_payload_kg for group in fleet)) / 1000
        if turnover > km * tonnes:
            yield Flag("turnover_high", "tonne_km", turnover, tonnes, km * tonnes)


def figures(
    costs_yuan: Mapping[str, str], energy: Mapping[str, float], others: Mapping[str, float | None]
) -> dict[str, Decimal]:
    """Return what was stated, as exact decimals by path, with the total of the costs.

    Args:
        costs_yuan: Texts of the items stated.
        energy: Amounts stated.
        others: Further fields; None is not stated.
    """
    costs = {f"costs_yuan.{item}": Decimal(text) for item, text in costs_yuan.items()}
    amounts = {f"energy.{item}": Decimal(repr(amount)) for item, amount in energy.items()}
    rest = {name: Decimal(repr(value)) for name, value in others.items() if value is not None}
    return {**costs, TOTAL: sum(costs.values(), Decimal(0)), **amounts, **rest}
