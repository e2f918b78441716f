"""Plausibility flags: against rules written a second time in fractions, and against fleets that drove."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.energy_use import ENERGY_ITEMS, may_use
from services.registry.domain.plausibility import FLAG_TEXTS, FleetGroup, figures, flags_of
from services.registry.operations.city_profile import read_supervision
from services.registry.schemas.operating_statements import Energy
from services.shared.standards.energy import Powertrain

CHECKS = read_supervision(Path("city/panjin")).statement_checks
RANGES = {name: (bounds["low"], bounds["high"]) for name, bounds in CHECKS.per_100_km.model_dump().items()}
VANS = [FleetGroup(Powertrain.BEV, "C", 3, 1500)]
TRUCKS = [FleetGroup(Powertrain.ICE, "B", 2, 5000)]
AMOUNT = st.one_of(st.just(0.0), st.integers(0, 10**8).map(lambda n: n / 1000))
MONEY = st.integers(0, 10**8).map(lambda n: f"{n // 100}.{n % 100:02d}")


def month(**values: Any) -> dict[str, Decimal]:
    """A plausible month of two electric vans; `costs` and `energy` replace theirs."""
    costs, energy = {"electricity": "1000.00"}, {"electricity_kwh": 1400.0}
    given_costs, given_energy = values.pop("costs", costs), values.pop("energy", energy)
    others = {"vehicle_count": 2, "vehicle_days": 50, "vehicle_km": 5000.0, "tonne_km": 4000.0, **values}
    return figures(given_costs, given_energy, others)


def codes(
    stated: dict[str, Decimal], before: dict[str, Decimal] | None = None, fleet: Sequence[FleetGroup] = VANS
) -> set[tuple[str, str]]:
    return {(flag.code, flag.field) for flag in flags_of(stated, 31, before, fleet, CHECKS)}


def test_names_schemas_and_bounds_speak_of_the_same_items() -> None:
    assert set(Energy.model_fields) == set(ENERGY_ITEMS) == set(RANGES)
    assert all(zh and en for zh, en in (*ENERGY_ITEMS.values(), *FLAG_TEXTS.values()))


def test_nothing_is_wrong_with_a_plausible_month() -> None:
    assert codes(month(), month()) == set()


@pytest.mark.parametrize(
    ("values", "fleet", "expected"),
    [
        # Kilometres per vehicle and day: 600 is the bound, by days worked or else by all days.
        ({"vehicle_km": 30000.0, "energy": {"electricity_kwh": 9000.0}}, VANS, set()),
        (
            {"vehicle_km": 30000.001, "energy": {"electricity_kwh": 9000.0}},
            VANS,
            {("daily_distance_high", "vehicle_km")},
        ),
        ({"vehicle_km": 37200.0, "vehicle_days": None, "energy": {"electricity_kwh": 9000.0}}, VANS, set()),
        (
            {"vehicle_km": 37200.001, "vehicle_days": None, "energy": {"electricity_kwh": 9000.0}},
            VANS,
            {("daily_distance_high", "vehicle_km")},
        ),
        # kWh per 100 km between 8 and 200.
        ({"energy": {"electricity_kwh": 400.0}}, VANS, set()),
        ({"energy": {"electricity_kwh": 399.999}}, VANS, {("intensity_low", "energy.electricity_kwh")}),
        ({"energy": {"electricity_kwh": 10000.0}}, VANS, set()),
        ({"energy": {"electricity_kwh": 10000.001}}, VANS, {("intensity_high", "energy.electricity_kwh")}),
        # Litres per 100 km between 4 and 60; below only where diesel is all that is used.
        ({"energy": {"diesel_l": 199.999}}, TRUCKS, {("intensity_low", "energy.diesel_l")}),
        ({"energy": {"diesel_l": 3000.001}}, TRUCKS, {("intensity_high", "energy.diesel_l")}),
        ({"energy": {"diesel_l": 1.0, "electricity_kwh": 1400.0}}, [*VANS, *TRUCKS], set()),
        # Energy that nothing registered uses.
        (
            {"energy": {"electricity_kwh": 1400.0, "diesel_l": 1.0}},
            VANS,
            {("energy_without_vehicle", "energy.diesel_l")},
        ),
        ({"energy": {"electricity_kwh": 1400.0, "diesel_l": 0.0}}, VANS, set()),
        ({"energy": {}}, VANS, {("energy_zero", "energy")}),
        ({"energy": {"electricity_kwh": 0.0}}, VANS, {("energy_zero", "energy")}),
        # Cost zero with kilometres.
        ({"costs": {}}, VANS, {("cost_zero", "costs_yuan")}),
        ({"costs": {"fuel": "0.00", "tolls": "0.00"}}, VANS, {("cost_zero", "costs_yuan")}),
        ({"costs": {"fuel": "0.00", "tolls": "0.01"}}, VANS, set()),
        ({"costs": {}, "energy": {}, "vehicle_km": 0.0, "tonne_km": 0.0}, VANS, set()),
        # 5,000 km with at most 1.5 t.
        ({"tonne_km": 7500.0}, VANS, set()),
        ({"tonne_km": 7500.001}, VANS, {("turnover_high", "tonne_km")}),
        ({"tonne_km": None}, VANS, set()),
        ({"tonne_km": 7500.001}, [*VANS, *TRUCKS], set()),
        # Three are registered.
        ({"vehicle_count": 3}, VANS, set()),
        ({"vehicle_count": 4}, VANS, {("vehicles_above_fleet", "vehicle_count")}),
    ],
)
def test_bounds_against_the_fleet_are_exact(
    values: dict[str, Any], fleet: list[FleetGroup], expected: set[tuple[str, str]]
) -> None:
    assert codes(month(**values), fleet=fleet) == expected


@pytest.mark.parametrize(
    ("was", "now", "code"),
    [
        (1000.0, 2000.0, None),
        (1000.0, 2000.001, "above_month_before"),
        (1000.0, 500.0, None),
        (1000.0, 499.999, "below_month_before"),
        (1000.0, 0.0, "below_month_before"),
        (0.0, 1000.0, None),
        (None, 1000.0, None),
        (1000.0, None, None),
    ],
)
def test_factors_against_the_month_before_are_exact(
    was: float | None, now: float | None, code: str | None
) -> None:
    found = codes(month(tonne_km=now), month(tonne_km=was))
    assert found == ({(code, "tonne_km")} if code else set())


def test_costs_are_compared_by_item_and_in_sum() -> None:
    before = month(costs={"fuel": "100.00", "tolls": "100.00"})
    assert codes(month(costs={"fuel": "200.01", "tolls": "100.00"}), before) == {
        ("above_month_before", "costs_yuan.fuel")
    }
    assert codes(month(costs={"fuel": "200.01", "tolls": "200.00"}), before) == {
        ("above_month_before", "costs_yuan.fuel"),
        ("above_month_before", "costs_yuan"),
    }


@pytest.mark.parametrize(
    ("powertrain", "code", "uses"),
    [
        (Powertrain.BEV, "C", {"electricity_kwh"}),
        (Powertrain.FCEV, "C", {"electricity_kwh", "hydrogen_kg"}),
        (Powertrain.ICE, "A", {"petrol_l"}),
        (Powertrain.ICE, "B", {"diesel_l"}),
        (Powertrain.ICE, "D", {"petrol_l", "diesel_l"}),
        (Powertrain.ICE, "E", {"petrol_l", "natural_gas_m3"}),
        (Powertrain.ICE, "F", {"petrol_l", "lpg_kg"}),
        (Powertrain.ICE, "L", {"petrol_l", "methanol_l"}),
        (Powertrain.HEV, "B", {"diesel_l"}),
        (Powertrain.PHEV, "A", {"petrol_l", "electricity_kwh"}),
        (Powertrain.REEV, "C", set(ENERGY_ITEMS) - {"hydrogen_kg"}),
        (Powertrain.ICE, None, set(ENERGY_ITEMS) - {"hydrogen_kg", "electricity_kwh"}),
        (Powertrain.HEV, "O", set(ENERGY_ITEMS) - {"hydrogen_kg", "electricity_kwh"}),
        (Powertrain.ICE, "Y", set()),
    ],
)
def test_which_vehicle_uses_which_energy(powertrain: Powertrain, code: str | None, uses: set[str]) -> None:
    assert {item for item in ENERGY_ITEMS if may_use(item, powertrain, code)} == uses


@dataclass
class Said:
    """What somebody says of a month."""

    costs: dict[str, str]
    energy: dict[str, float]
    others: dict[str, float | None]

    def values(self) -> dict[str, Fraction]:
        plain = {f"costs_yuan.{name}": Fraction(text) for name, text in self.costs.items()}
        amounts = {f"energy.{name}": Fraction(str(value)) for name, value in self.energy.items()}
        rest = {name: Fraction(str(value)) for name, value in self.others.items() if value is not None}
        return {**plain, "costs_yuan": sum(plain.values(), Fraction(0)), **amounts, **rest}

    def stated(self) -> dict[str, Decimal]:
        return figures(self.costs, self.energy, self.others)


SAID = st.builds(
    Said,
    st.dictionaries(st.sampled_from(["fuel", "electricity", "tolls"]), MONEY),
    st.dictionaries(st.sampled_from(sorted(ENERGY_ITEMS)), AMOUNT, max_size=3),
    st.fixed_dictionaries(
        {
            "vehicle_count": st.integers(0, 60),
            "vehicle_days": st.none() | st.integers(0, 1800),
            "vehicle_km": AMOUNT,
            "tonne_km": st.none() | AMOUNT,
        }
    ),
)
GROUP = st.builds(
    FleetGroup,
    st.sampled_from(Powertrain),
    st.sampled_from([None, *"ABCDEFLOZ"]),
    st.integers(1, 20),
    st.integers(100, 30_000),
)


def expected_flags(said: Said, before: Said | None, fleet: list[FleetGroup]) -> set[tuple[str, str]]:
    """The rules in words of their own: ratios of fractions, each condition stated once."""
    now, was = said.values(), before.values() if before else {}
    found = set()
    for field in now.keys() & was.keys():
        ratio = now[field] / was[field] if was[field] else None
        if ratio is not None and ratio > 2:
            found.add(("above_month_before", field))
        if ratio is not None and ratio < Fraction(1, 2):
            found.add(("below_month_before", field))
    km, kinds = now["vehicle_km"], [n for n in ENERGY_ITEMS if now.get(f"energy.{n}", 0) > 0]
    found |= {("cost_zero", "costs_yuan")} if km and not now["costs_yuan"] else set()
    found |= {("energy_zero", "energy")} if km and not kinds else set()
    for name in kinds:
        per_100_km = now[f"energy.{name}"] / km * 100 if km else None
        low, high = (Fraction(str(bound)) for bound in RANGES[name])
        if sum(may_use(name, each.powertrain, each.energy_code) for each in fleet) == 0:
            found.add(("energy_without_vehicle", f"energy.{name}"))
        if per_100_km is not None and per_100_km > high:
            found.add(("intensity_high", f"energy.{name}"))
        if per_100_km is not None and per_100_km < low and kinds == [name]:
            found.add(("intensity_low", f"energy.{name}"))
    days = now.get("vehicle_days") or now["vehicle_count"] * 31
    found |= {("daily_distance_high", "vehicle_km")} if days and km / days > 600 else set()
    if now["vehicle_count"] > sum(each.vehicles for each in fleet):
        found.add(("vehicles_above_fleet", "vehicle_count"))
    if fleet and "tonne_km" in now:
        most = max(Fraction(each.largest_payload_kg, 1000) for each in fleet)
        found |= {("turnover_high", "tonne_km")} if now["tonne_km"] > km * most else set()
    return found


@given(SAID, st.none() | SAID, st.lists(GROUP, max_size=4))
def test_flags_are_those_of_the_rules(said: Said, before: Said | None, fleet: list[FleetGroup]) -> None:
    stated = said.stated()
    found = flags_of(stated, 31, before.stated() if before else None, fleet, CHECKS)
    assert {(flag.code, flag.field) for flag in found} == expected_flags(said, before, fleet)
    assert len(found) == len({(flag.code, flag.field) for flag in found})
    assert {flag.code for flag in found} <= set(FLAG_TEXTS)


@st.composite
def truthful(draw: st.DrawFn) -> tuple[dict[str, Decimal], list[FleetGroup]]:
    """What a fleet of one energy would honestly say: every vehicle's days, kilometres, loads and energy."""
    powertrain, code, item = draw(
        st.sampled_from([(Powertrain.BEV, "C", "electricity_kwh"), (Powertrain.ICE, "B", "diesel_l")])
    )
    low, high = (float(bound) for bound in RANGES[item])
    count, days, km, tonne_km, used = draw(st.integers(1, 6)), 0, 0, Decimal(0), Decimal(0)
    payloads = draw(st.lists(st.integers(500, 9000), min_size=count, max_size=count))
    for payload in payloads:
        worked = draw(st.integers(1, 31))
        driven = draw(st.integers(1, 600 * worked))
        days, km = days + worked, km + driven
        tonne_km += Decimal(driven * draw(st.integers(0, payload))) / 1000
        rate = Decimal(draw(st.integers(int(low * 1000), int(high * 1000)))) / 1000
        used += driven * rate / 100
    stated = {
        "costs_yuan": Decimal(1),
        f"energy.{item}": used,
        "vehicle_count": Decimal(count),
        "vehicle_days": Decimal(days),
        "vehicle_km": Decimal(km),
        "tonne_km": tonne_km,
    }
    return stated, [FleetGroup(powertrain, code, count, max(payloads))]


@given(truthful())
def test_an_honest_month_is_never_flagged_against_its_fleet(
    case: tuple[dict[str, Decimal], list[FleetGroup]],
) -> None:
    stated, fleet = case
    assert flags_of(stated, 31, stated, fleet, CHECKS) == []


@given(SAID, SAID, st.integers(2, 1000))
def test_the_month_before_is_compared_whatever_the_unit(said: Said, before: Said, factor: int) -> None:
    def scaled(stated: dict[str, Decimal]) -> dict[str, Decimal]:
        return {field: value * factor for field, value in stated.items()}

    def compared(stated: dict[str, Decimal], was: dict[str, Decimal]) -> set[tuple[str, str]]:
        return {found for found in codes(stated, was, []) if found[0].endswith("month_before")}

    now, was = said.stated(), before.stated()
    assert compared(scaled(now), scaled(was)) == compared(now, was)
