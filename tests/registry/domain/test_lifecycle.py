"""Stages of facilities, and who is in charge of which kind."""

import itertools
from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.areas import AREA_KIND_NAMES, AreaKind
from services.registry.domain.facilities import (
    CONNECTOR_NAMES,
    CURRENT_OF,
    FACILITY_KINDS,
    Connector,
    FacilityKind,
    is_in_charge,
)
from services.registry.domain.lifecycle import (
    STATUS_NAMES,
    FacilityStatus,
    Step,
    in_order,
    is_whole,
    may_follow,
    misdated,
)
from services.registry.schemas.capacities import Capacity
from services.shared.auth.principal import BUREAUS, Role

P, B, O, C = FacilityStatus  # noqa: E741 - planned, built, operating, closed
FIRST = date(2024, 1, 1)
DAYS = st.integers(0, 30).map(lambda number: FIRST + timedelta(days=number))
STEPS = st.lists(st.builds(Step, st.sampled_from(list(FacilityStatus)), DAYS), max_size=5)


def test_each_stage_follows_the_one_before_and_anything_can_close() -> None:
    allowed = {pair for pair in itertools.product(FacilityStatus, repeat=2) if may_follow(*pair)}
    assert allowed == {(P, B), (B, O), (P, C), (B, C), (O, C)}


def test_whole_histories_are_these() -> None:
    whole = {
        stages
        for length in range(5)
        for stages in itertools.product(FacilityStatus, repeat=length)
        if is_whole([Step(stage, FIRST) for stage in stages])
    }
    assert whole == {(P,), (P, B), (P, B, O), (P, B, O, C), (P, C), (P, B, C)}


@given(STEPS, DAYS)
def test_days_never_go_back_nor_ahead(steps: list[Step], today: date) -> None:
    wrong = misdated(steps, today)
    if wrong is None:
        assert all(before.on <= after.on for before, after in itertools.pairwise(steps))
        assert all(step.on <= today for step in steps)
    else:
        index = next(place for place, step in enumerate(steps) if step is wrong)
        assert wrong.on > today or any(wrong.on < earlier.on for earlier in steps[:index])


@given(st.lists(DAYS, min_size=1, max_size=4), st.randoms())
def test_steps_are_put_in_order_by_stage(days: list[date], chooser: Random) -> None:
    steps = [Step(stage, on) for stage, on in zip(FacilityStatus, days, strict=False)]
    mixed = chooser.sample(steps, len(steps))
    assert in_order(mixed) == steps


def test_every_name_is_there_in_both_languages() -> None:
    facts = [(each.zh, each.en) for each in FACILITY_KINDS.values()]
    names = [*facts, *STATUS_NAMES.values(), *AREA_KIND_NAMES.values(), *CONNECTOR_NAMES.values()]
    assert all(zh and en and not zh.isascii() for zh, en in names)
    assert set(FACILITY_KINDS) == set(FacilityKind)
    assert set(AREA_KIND_NAMES) == set(AreaKind)
    assert set(CONNECTOR_NAMES) == set(CURRENT_OF) == set(Connector)
    union = Capacity.__origin__.__args__  # type: ignore[attr-defined]
    assert {each.model_fields["kind"].annotation.__args__[0] for each in union} == {*FacilityKind}


@pytest.mark.parametrize(
    ("role", "kinds"),
    [
        (Role.transport_bureau, set(FacilityKind)),
        (
            Role.commerce_bureau,
            {FacilityKind.PUBLIC_DISTRIBUTION_CENTRE, FacilityKind.COLD_STORE, FacilityKind.UNLOADING_YARD},
        ),
        (
            Role.postal_bureau,
            {
                FacilityKind.JOINT_DELIVERY_STATION,
                FacilityKind.PARCEL_LOCKER,
                FacilityKind.CAMPUS_STATION,
                FacilityKind.VILLAGE_STATION,
                FacilityKind.MAIL_SITE,
            },
        ),
        (Role.police, set()),
        (Role.enterprise, set()),
    ],
)
def test_offices_are_in_charge_of_their_kinds(role: Role, kinds: set[FacilityKind]) -> None:
    assert {kind for kind in FacilityKind if is_in_charge(role.value, kind)} == kinds
    assert {facts.bureau for facts in FACILITY_KINDS.values()} <= {bureau.value for bureau in BUREAUS}
