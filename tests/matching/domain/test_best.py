"""The best candidates through KD-trees are exactly those of a plain look at every vehicle."""

import math
import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.matching.domain.candidates import Matching, Ranking, banded_km, whole_km
from services.matching.domain.cargo import TemperatureClass
from services.matching.domain.distances import band_edges, band_text, distances_km
from services.matching.domain.fleet import Fleet
from services.matching.domain.job import Job
from services.matching.domain.roster import Fix, Roster
from services.shared.geo import distance_m
from services.shared.rules.schedule import CityClock
from services.shared.rules.standing import Course, Standing
from services.shared.standards.zones import CITY_ZONE
from tests.matching.domain import fleets as make

_LEVELS = {"none": 0, "insulated": 1, "refrigerated": 2}
_NEEDED = {"ambient": 0, "chilled": 1, "frozen": 2}
_HALF_HOUR = timedelta(minutes=30)
_ENERGY = {"BEV": 1.0, "HEV": 0.5, "ICE": 0.0}


def _course(rng: random.Random) -> Course:
    """Nearly always in order now; turns at whole half hours, up to two gaps."""
    if rng.random() < 0.6:
        return make.IN_ORDER
    turns = sorted(rng.sample(range(-40, 40), rng.choice([1, 2, 3, 4])))
    begins = [make.SINCE, *(make.NOW + turn * _HALF_HOUR for turn in turns)]
    lapses = [("inspection",) if number % 2 else () for number in range(len(begins))]
    return Course(tuple(Standing(since, lapses=kinds) for since, kinds in zip(begins, lapses, strict=True)))


def _in_order(course: Course, job: Job) -> bool:
    """A look at every half hour of the job, which begins now."""
    looks = range(round((job.delivery.end - job.pickup.start) / _HALF_HOUR))
    begun = [[s for s in course.standings if s.since <= make.NOW + n * _HALF_HOUR][-1] for n in looks]
    return not any(standing.lapses for standing in begun)


def _fleet(seed: int) -> Fleet:
    roster, rng = Roster(CityClock(CITY_ZONE)), random.Random(seed)
    for _ in range(rng.choice([0, 1, 63, 64, 65, 300, 600, 3000])):
        vehicle = make.vehicle(
            payload_kg=rng.choice([400.0, 799.0, 800.0, 1765.0, 12000.0]),
            volume_m3=rng.choice([None, 3.0, 4.0, 14.5, 40.0]),
            refrigeration=rng.choice(list(_LEVELS)),
            energy_code="B",
            known={"powertrain": rng.choice(list(_ENERGY))},
            papers=_course(rng),
        )
        roster.set_vehicle(vehicle)
        roster.set_enterprise(vehicle.enterprise_id, _course(rng))
        if rng.random() < 0.9:
            spread = rng.choice([0.02, 0.2, 1.0])
            place = make.ORIGIN[0] + rng.gauss(0, spread), make.ORIGIN[1] + rng.gauss(0, spread)
            age = timedelta(seconds=rng.choice([0, 900, 901]))
            roster.set_fixes([Fix(vehicle.id, make.NOW - age, *place)])
    return roster.freeze(make.NOW)


def _plain(fleet: Fleet, job: Job, *, banded: bool) -> list[tuple[float, str]]:
    """Every feasible vehicle by the written definition: (score, id), best first."""
    found = []
    for row, vehicle in enumerate(fleet.vehicles):
        here = fleet.rows[row]
        if math.isnan(here["fix"]) or make.NOW.timestamp() - here["fix"] > 900:
            continue
        if not (_in_order(fleet.firm_of(row), job) and _in_order(vehicle.papers, job)):
            continue
        km = distance_m(float(here["lon"]), float(here["lat"]), *make.ORIGIN) / 1000
        volume = vehicle.volume_m3 or 0.0
        fits = vehicle.payload_kg >= job.weight_kg and volume >= job.volume_m3
        cold = _LEVELS[vehicle.refrigeration] >= _NEEDED[job.temperature]
        if km > 50 or not fits or not cold:
            continue
        told = next(e for e in (1, 2, 5, 10, 20, 50) if km <= e) if banded else math.ceil(km)
        fit = max(job.weight_kg / vehicle.payload_kg, job.volume_m3 / volume)
        energy = _ENERGY[str(vehicle.facts.powertrain)]
        score = 100 * (0.6 * 5 / (5 + told) + 0.2 * fit + 0.2 * energy)
        found.append((-round(score, 2), str(vehicle.id)))
    return [(-score, vehicle_id) for score, vehicle_id in sorted(found)]


def _told(fleet: Fleet, ranking: Ranking) -> list[tuple[float, str]]:
    pairs = zip(ranking.scores.tolist(), ranking.rows.tolist(), strict=True)
    return [(score, str(fleet.vehicles[row].id)) for score, row in pairs]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(TemperatureClass), st.integers(1, 40), st.booleans())
def test_the_best_are_those_of_a_plain_look_at_every_vehicle(
    seed: int, temperature: TemperatureClass, count: int, banded: bool
) -> None:
    fleet = _fleet(seed)
    job = make.job(temperature=temperature)
    matching = Matching(fleet, job, make.LIMITS)
    told = banded_km if banded else whole_km
    expected = _plain(fleet, job, banded=banded)
    ranked, refused = matching.among(fleet.present(), told)
    assert _told(fleet, ranked) == expected
    assert len(ranked) + len(refused) == len(fleet)
    best = matching.best(count, told)
    assert _told(fleet, best) == expected[:count]


@given(st.floats(-180, 180), st.floats(-89, 89), st.floats(-180, 180), st.floats(-89, 89))
def test_distances_agree_with_the_haversine(lon1: float, lat1: float, lon2: float, lat2: float) -> None:
    ours = distances_km(np.array([lon1]), np.array([lat1]), (lon2, lat2))[0]
    assert ours == pytest.approx(distance_m(lon1, lat1, lon2, lat2) / 1000, abs=0.3, rel=1e-9)


@pytest.mark.parametrize(
    ("km", "edge", "text"),
    [
        (0.0, 1, "0-1 km"),
        (1.0, 1, "0-1 km"),
        (1.01, 2, "1-2 km"),
        (49.9, 50, "20-50 km"),
        (100.0, 100, "50-100 km"),
        (100.1, 200, "100-200 km"),
        (730.0, 800, "700-800 km"),
    ],
)
def test_bands(km: float, edge: float, text: str) -> None:
    assert band_edges(np.array([km]))[0] == edge
    assert band_text(km) == text


def test_a_better_one_behind_many_near_ones_is_found() -> None:
    """600 old lorries within 5 km, far too large, and one electric van that fits at 6 km."""
    roster = Roster(CityClock(CITY_ZONE))
    for number in range(601):
        last = number == 600
        vehicle = make.vehicle(
            payload_kg=800.0 if last else 16000.0,
            volume_m3=40.0,
            energy_code="B",
            known={"powertrain": "BEV" if last else "ICE"},
        )
        roster.set_vehicle(vehicle)
        roster.set_enterprise(vehicle.enterprise_id, make.IN_ORDER)
        north = 6.0 if last else 5.0 * number / 600
        roster.set_fixes([Fix(vehicle.id, make.NOW, make.ORIGIN[0], make.ORIGIN[1] + north / 111.2)])
    best = Matching(roster.freeze(make.NOW), make.job(), make.LIMITS).best(1, whole_km)
    assert best.rows.tolist() == [600]
