"""Checks of a generated city through the API, against the oracle: rules, re-plated vans, permits."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.shared.events.registry import VehicleState
from tests.factories import permits as make
from tests.permits.oracle import World

WEST, SOUTH = 10.0, 10.0
PAPERS = (["inspection"], ["insurance"], ["inspection", "insurance"])
OBSTACLES = ("enterprise_not_active", "enterprise_lapsed", "vehicle_lapsed")


def local(instant: datetime) -> str:
    return instant.isoformat()


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


class City:
    """A world that is told to the oracle and to the service alike."""

    def __init__(self, api: httpx.AsyncClient, registry: make.Registry, seed: int) -> None:
        self.api, self.registry = api, registry
        self.random = random.Random(seed)
        self.world = World()
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self.types: list[str] = []
        self.vans: list[Any] = []
        self.states: dict[Any, VehicleState] = {}

    def instant(self, low: int, high: int) -> datetime:
        return self.now + timedelta(minutes=10 * self.random.randrange(low * 6, high * 6))

    def schedule(self) -> dict[str, Any]:
        windows = []
        if self.random.random() < 0.6:
            start, end = self.random.sample(range(0, 1440, 10), 2)
            windows = [(start, end)]
        days = sorted(self.random.sample(range(1, 8), self.random.randint(3, 7)))
        return {"weekdays": days, "windows": windows}

    @staticmethod
    def body(schedule: dict[str, Any]) -> dict[str, Any]:
        windows = [{"start": clock(start), "end": clock(end)} for start, end in schedule["windows"]]
        return {"weekdays": schedule["weekdays"], "windows": windows}

    async def build(self) -> None:
        self.types = [await make.make_type(self.api), await make.make_type(self.api, lifts="ban")]
        for _ in range(6):
            await self.add_area()
        for _ in range(4):
            await self.add_firm()
        for _ in range(14):
            await self.add_rule()
        for van in self.vans:
            await self.add_permit(van)
        await self.turn_papers()

    async def add_area(self) -> None:
        squares = [self.square() for _ in range(self.random.choice([1, 2]))]
        turn = self.instant(-48, 240)
        intervals = [(make.LONG_AGO, turn), (turn, None)] if len(squares) == 2 else [(make.LONG_AGO, None)]
        versions = [
            {"valid_from": start, "valid_to": end, "geometry": box(square)}
            for square, (start, end) in zip(squares, intervals, strict=True)
        ]
        area = await self.registry.area(versions=versions)
        for square, (start, end) in zip(squares, intervals, strict=True):
            self.world.areas.append({"id": area.id, "square": square, "from": start, "to": end})

    def square(self) -> tuple[float, float, float, float]:
        west, south = WEST + self.random.randrange(4), SOUTH + self.random.randrange(4)
        side = self.random.randint(1, 4)
        return west, south, west + side, south + side

    async def add_firm(self) -> None:
        firm = await self.registry.enterprise()
        history = self.world.standings[firm.id] = [(make.LONG_AGO, "active", [])]
        for _ in range(3):
            await self.add_vehicle(firm.id)
        if self.random.random() < 0.5:
            since = self.now - timedelta(days=2)
            for offset, status in ((0, "suspended"), (12, "active")):
                await self.turn(firm, history, since + timedelta(hours=offset), status, [])
        if self.random.random() < 0.5:
            since = self.now + timedelta(hours=self.random.randrange(60, 150))
            for offset, causes in ((0, ["express_permit"]), (30, [])):
                await self.turn(firm, history, since + timedelta(hours=offset), "active", causes)

    async def turn(self, firm: Any, history: list[Any], since: datetime, status: str, causes: Any) -> None:
        published = "suspended" if causes else status
        await self.registry.standing(firm, published, since, tuple(causes))
        history.append((since, status, causes))

    def papers(self) -> list[tuple[datetime, list[str]]]:
        """What has run out from when on: in the past, ahead, or never."""
        course: list[tuple[datetime, list[str]]] = [(make.LONG_AGO, [])]
        if self.random.random() < 0.6:
            course.append((self.instant(-60, 200), self.random.choice(PAPERS)))
            if self.random.random() < 0.6:
                course.append((course[1][0] + timedelta(hours=self.random.randrange(1, 40)), []))
        return course

    async def add_vehicle(self, firm: Any) -> None:
        facts = {
            "vehicle_type": self.random.choice(["H32", "H11", "H42"]),
            "powertrain": self.random.choice(["BEV", "ICE"]),
            "gross_mass_kg": self.random.choice([1800, 4495, 18_000]),
            "length_m": self.random.choice([4.2, 5.995, 9.0]),
        }
        if self.random.random() < 0.3:
            del facts[self.random.choice(["vehicle_type", "gross_mass_kg", "length_m"])]
        missing = dict.fromkeys({"vehicle_type", "gross_mass_kg", "length_m"} - facts.keys())
        plate, color = make.plate(), self.random.choice([1, 2])
        turn = self.now + timedelta(hours=self.random.randrange(24, 200))
        intervals = (
            [(make.LONG_AGO, turn), (turn, None)] if self.random.random() < 0.4 else [(make.LONG_AGO, None)]
        )
        for start, end in intervals:
            van = await self.registry.vehicle(
                firm,
                plate_number=plate,
                plate_color=color,
                valid_from=start,
                valid_to=end,
                **{**facts, **missing},
            )
            self.states[van.id] = van
            known = {**facts, "plate_color": color}
            self.world.vehicles.append(
                {"id": van.id, "enterprise": firm, "plate": plate, "facts": known, "from": start, "to": end}
            )
        self.vans.append((van, start))

    async def turn_papers(self) -> None:
        """Let papers run out, once permits have been granted."""
        for vehicle in self.world.vehicles:
            course = vehicle["papers"] = self.papers()
            published = [
                {"since": since, "status": "lapsed" if causes else "active", "causes": causes}
                for since, causes in course
            ]
            state = self.states[vehicle["id"]].model_dump() | {"standings": published}
            await self.registry.say("vehicle", VehicleState.model_validate(state))

    async def add_rule(self) -> None:
        schedule, start = self.schedule(), self.instant(-72, 48)
        end = start + timedelta(hours=self.random.randrange(50, 400)) if self.random.random() < 0.5 else None
        areas = self.random.sample([area["id"] for area in self.world.areas], 2)
        options = [{"min_gross_mass_kg": 4000.0}, {"powertrains": ["ICE"]}, {"vehicle_types": ["H3", "H1"]}]
        rule = {
            **schedule,
            "from": start,
            "to": end,
            "areas": areas,
            "effect": self.random.choice(["permit_required", "permit_required", "ban", "allow"]),
            "priority": self.random.choice([0, 0, 5]),
            "types": self.random.choice([[], [self.types[0]]]),
            "conditions": self.random.choice([{}, {}, *options, {"max_length_m": 6.0, "plate_colors": [2]}]),
        }
        self.world.rules.append(rule)
        await make.make_rule(
            self.api,
            areas[0],
            area_ids=sorted({str(area) for area in areas}),
            effect=rule["effect"],
            priority=rule["priority"],
            permit_types=rule["types"],
            conditions=rule["conditions"],
            valid_from=local(start),
            valid_to=local(end) if end else None,
            **self.body(schedule),
        )

    async def add_permit(self, entry: Any) -> None:
        van, known_from = entry
        for code, lifts in zip(self.types, ("permit_required", "ban"), strict=True):
            if self.random.random() < 0.3:
                continue
            schedule = self.schedule()
            start = max(self.instant(1, 48), known_from)
            end = start + timedelta(hours=self.random.randrange(24, 300))
            areas = self.random.sample([area["id"] for area in self.world.areas], 3)
            permit = await make.grant(
                self.api,
                van,
                areas[0],
                code,
                area_ids=sorted({str(area) for area in areas}),
                valid_from=local(start),
                valid_to=local(end),
                **self.body(schedule),
            )
            self.world.grants.append(
                {
                    **schedule,
                    "id": permit["id"],
                    "vehicle": van.id,
                    "areas": areas,
                    "lifts": lifts,
                    "type": code,
                }
                | {"from": start, "to": end}
            )


def box(square: tuple[float, float, float, float]) -> dict[str, Any]:
    west, south, east, north = square
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "MultiPolygon", "coordinates": [[ring]]}


async def test_every_verdict_of_a_city_is_that_of_the_definition(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    seen: set[str] = set()
    city = City(api, registry, 20261123)
    await city.build()
    police = make.office_client()
    for _ in range(500):
        vehicle = city.random.choice(city.world.vehicles)
        point = WEST + city.random.randrange(8), SOUTH + city.random.randrange(8)
        at = city.instant(-60, 260)
        plate, color = vehicle["plate"], vehicle["facts"]["plate_color"]
        if city.random.random() < 0.1:
            plate = "辽L99999"
        body = {
            "plate_number": plate,
            "plate_color": color,
            "lon": point[0],
            "lat": point[1],
            "at": local(at),
        }
        answer = await api.post("/v1/checks", json=body, headers=police)
        assert answer.status_code == 200, answer.text
        expected = city.world.verdict(plate, color, point, at)
        assert answer.json()["verdict"] == expected, (body, answer.json())
        named = [reason["code"] for reason in answer.json()["unmet"] if reason["code"] in OBSTACLES]
        assert named == city.world.obstacles(plate, color, at), (body, answer.json())
        seen.update([expected, *named])
    assert seen == {"allowed", "denied", "undetermined", *OBSTACLES}
