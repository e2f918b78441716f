"""R9: exactly one winner, never a double booking, under concurrency and over long random histories."""

import asyncio
import random

import asyncpg
import httpx
import pytest

from services.shared.clock import utc_now
from services.shared.ids import new_id
from services.shared.schemas import format_instant
from tests.factories import matching as make

_OVERLAPS = """
SELECT count(*) FROM matching.assignments a JOIN matching.assignments b
ON a.vehicle_id = b.vehicle_id AND a.id < b.id AND a.during && b.during
AND a.released_at IS NULL AND b.released_at IS NULL
"""


async def test_200_acceptances_of_one_load_have_one_winner(
    api: httpx.AsyncClient, world: make.World, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicles = [await world.vehicle(carrier, here) for _ in range(20)]
    load = await make.post_load(api, shipper, here)
    offers = [await make.offer(api, carrier, load, vehicle) for vehicle in vehicles]
    answers = await asyncio.gather(*(make.accept(api, shipper, offers[n % 20]) for n in range(200)))
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(409)) == (1, 199)
    states = [
        row["status"]
        for row in await superuser.fetch(
            "SELECT status FROM matching.offers WHERE load_id::text = $1", load["id"]
        )
    ]
    assert (states.count("accepted"), states.count("lost")) == (1, 19)
    count = "SELECT count(*) FROM matching.waybills WHERE load_id::text = $1"
    assert await superuser.fetchval(count, load["id"]) == 1


async def test_one_vehicle_wins_one_of_many_overlapping_loads(
    api: httpx.AsyncClient, world: make.World, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    carrier, here = await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    shippers = [await world.firm() for _ in range(20)]
    offers = []
    for shipper in shippers:
        load = await make.post_load(api, shipper, here)
        offers.append(await make.offer(api, carrier, load, vehicle))
    answers = await asyncio.gather(
        *(make.accept(api, shipper, made) for shipper, made in zip(shippers, offers, strict=True))
    )
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(409)) == (1, 19)
    slugs = {a.json()["type"].rpartition(":")[2] for a in answers if a.status_code == 409}
    assert slugs == {"vehicle-booked"}
    assert await superuser.fetchval(_OVERLAPS) == 0


async def test_a_repeated_acceptance_with_its_key_is_answered_the_same(
    api: httpx.AsyncClient, world: make.World
) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    made = await make.offer(api, carrier, load, vehicle)
    headers = {**shipper.headers, "Idempotency-Key": str(new_id())}
    first, second = [await api.post(f"/v1/offers/{made['id']}/acceptance", headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    again = await make.accept(api, shipper, made)
    assert again.status_code == 409


async def test_one_open_offer_per_load_and_vehicle(api: httpx.AsyncClient, world: make.World) -> None:
    shipper, carrier, here = await world.firm(), await world.firm(), make.apart()
    vehicle = await world.vehicle(carrier, here)
    load = await make.post_load(api, shipper, here)
    body = {"load_id": load["id"], "vehicle_id": str(vehicle.id), "price_yuan": "9.90"}
    answers = await asyncio.gather(
        *(api.post("/v1/offers", json=body, headers=carrier.headers) for _ in range(10))
    )
    codes = [answer.status_code for answer in answers]
    assert (codes.count(201), codes.count(409)) == (1, 9)
    won = next(answer.json() for answer in answers if answer.status_code == 201)
    assert (await api.post(f"/v1/offers/{won['id']}/withdrawal", headers=carrier.headers)).status_code == 200
    assert (await api.post("/v1/offers", json=body, headers=carrier.headers)).status_code == 201


class _Market:
    """A random history of two shippers and two carriers with three vehicles each; what it must never show."""

    def __init__(self, api: httpx.AsyncClient, world: make.World, seed: int) -> None:
        self.api, self.world, self.rng = api, world, random.Random(seed)
        self.loads: list[tuple[make.Firm, make.Json]] = []
        self.offers: list[tuple[make.Firm, make.Firm, make.Json]] = []
        self.waybills: list[tuple[make.Firm, make.Firm, make.Json]] = []
        self.seen: dict[int, int] = {}

    async def open(self) -> None:
        self.here = make.apart()
        self.shippers = [await self.world.firm() for _ in range(2)]
        self.carriers = [await self.world.firm() for _ in range(2)]
        self.vehicles = [
            (firm, await self.world.vehicle(firm, self.here, payload_kg=self.rng.choice([500, 900, 1800])))
            for firm in self.carriers
            for _ in range(3)
        ]

    async def step(self) -> None:
        step = self.rng.choice(
            [self.post, self.offer, self.offer, self.accept, self.accept, self.report, self.drop]
        )
        code = await step()
        self.seen[code] = self.seen.get(code, 0) + 1
        assert code < 500

    async def post(self) -> int:
        firm, start = self.rng.choice(self.shippers), self.rng.randrange(0, 20)
        windows = {
            "pickup_window": make.window(start, start + 1),
            "delivery_window": make.window(start, start + self.rng.randrange(2, 5)),
        }
        weight = float(self.rng.choice([300, 800, 1500]))
        self.loads.append(
            (firm, await make.post_load(self.api, firm, self.here, weight_kg=weight, **windows))
        )
        return 201

    async def offer(self) -> int:
        if not self.loads:
            return 0
        (shipper, load), (carrier, vehicle) = self.rng.choice(self.loads), self.rng.choice(self.vehicles)
        body = {"load_id": load["id"], "vehicle_id": str(vehicle.id), "price_yuan": "10.00"}
        answer = await self.api.post("/v1/offers", json=body, headers=carrier.headers)
        if answer.status_code == 201:
            self.offers.append((shipper, carrier, answer.json()))
        return answer.status_code

    async def accept(self) -> int:
        chosen = self.rng.sample(self.offers, min(3, len(self.offers)))
        answers = await asyncio.gather(*(make.accept(self.api, shipper, made) for shipper, _, made in chosen))
        for (shipper, carrier, _), answer in zip(chosen, answers, strict=True):
            assert answer.status_code in {201, 409}
            if answer.status_code == 201:
                self.waybills.append((shipper, carrier, answer.json()))
        return max((answer.status_code for answer in answers), default=0)

    async def report(self) -> int:
        if not self.waybills:
            return 0
        _, carrier, waybill = self.rng.choice(self.waybills)
        kind = self.rng.choice(["loaded", "departed", "arrived", "signed", "cancelled"])
        body = {"kind": kind, "at": format_instant(utc_now())}
        path = f"/v1/waybills/{waybill['id']}/events"
        return (await self.api.post(path, json=body, headers=carrier.headers)).status_code

    async def drop(self) -> int:
        if not self.loads:
            return 0
        firm, load = self.rng.choice(self.loads)
        return (await self.api.post(f"/v1/loads/{load['id']}/withdrawal", headers=firm.headers)).status_code


_TOO_HEAVY = """
    SELECT count(*) FROM matching.waybills w JOIN matching.loads l ON l.id = w.load_id
    JOIN matching.vehicles v ON v.id = w.vehicle_id WHERE l.weight_kg > (v.state->>'payload_kg')::float
"""
_UNLIKE = """
    SELECT count(*) FROM matching.assignments a JOIN matching.waybills w ON w.id = a.waybill_id
    WHERE (a.released_at IS NULL) = (w.status IN ('signed', 'cancelled'))
"""


@pytest.mark.parametrize("steps", [250, pytest.param(2000, marks=pytest.mark.slow)])
async def test_a_random_history_books_nothing_twice(
    api: httpx.AsyncClient, world: make.World, superuser: "asyncpg.Connection[asyncpg.Record]", steps: int
) -> None:
    market = _Market(api, world, seed=steps)
    await market.open()
    for step in range(steps):
        await market.step()
        if step % 50 == 49:
            assert await superuser.fetchval(_OVERLAPS) == 0
    for fault in (_OVERLAPS, _TOO_HEAVY, _UNLIKE):
        assert await superuser.fetchval(fault) == 0, fault
    assert market.waybills
    assert {201, 409} <= set(market.seen)
