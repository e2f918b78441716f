"""Health of terminals through the API: real messages end to end, drawn rows against a second reckoning."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import pytest

from deploy.local.cluster import PROJECT
from services.shared.auth import Role
from services.telemetry.domain.health import HealthLimits
from services.telemetry.operations.city_profile import read_health_limits
from tests.factories import telemetry as factories
from tests.factories.telemetry import add_enterprise, fix, headers
from tests.support.waiting import eventually
from tests.telemetry.conftest import Service, device, provision

Json = dict[str, Any]
KINDS = ("mqtt", "jt808", "owntracks")
BANDS = (("online", 10), ("hour", 60), ("day", 1440), ("week", 10080))


async def health_of(api: httpx.AsyncClient, number: str, owner: UUID) -> Json:
    answer = await api.get(
        "/v1/terminal-health", params={"terminal_number": number}, headers=headers(enterprise_id=owner)
    )
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["items"]
    return dict(found)


async def test_what_a_terminal_sends_becomes_its_health(service: Service) -> None:
    owner = await add_enterprise(service.superuser)
    credential = await provision(service, "HEALTH", owner)
    await provision(service, "HEALTH-BRIDGE", owner, kind="bridge")  # reports nothing of itself
    never = await health_of(service.api, "HEALTH", owner)
    assert (never["band"], never["heard_at"], never["silence_s"]) == ("never", None, None)
    assert never["faults"] == ["silence"]
    async with device(service, credential) as found:
        # Its clock is 90 s behind; the last fixes are 100 km away, which nothing can have driven.
        places = [122.07 + (n > 20) * 1.2 for n in range(24)]
        for number, lon in enumerate(places):
            good = fix(90 + 24 - number, lon=lon, boot=1 + (number > 5), soc_pct=81)
            assert await found.connection.deliver(found.topic, json.dumps(good).encode()) == 0

            async def is_folded(number: int = number) -> bool:
                query = "SELECT coalesce(sum(received), 0) FROM telemetry.ingest_accounting"
                return await service.count(f"{query} WHERE terminal_number = 'HEALTH'") == number + 1

            await eventually(is_folded)
        for _ in range(2):
            bad = fix(90, lon=0, lat=0)
            await found.connection.deliver(found.topic, json.dumps(bad).encode())

    async def is_accounted() -> bool:
        return bool((await health_of(service.api, "HEALTH", owner))["received_today"] == 26)

    await eventually(is_accounted)
    health = await health_of(service.api, "HEALTH", owner)
    assert health["band"] == "online"
    assert 0 <= health["silence_s"] < 20
    assert 90 <= health["clock_offset_s"] < 100
    assert health["soc_pct"] == 81
    assert (health["received_today"], health["quarantined_today"]) == (26, 2)
    assert health["quarantine_share"] == pytest.approx(2 / 26)
    assert health["jumps_today"] == 1
    assert health["restarts_today"] == 1
    assert health["steps_today"] == 23
    assert health["faults"] == ["clock_offset", "jumps", "quarantine"]
    rates = await service.api.get("/v1/terminal-online-rates", headers=headers(enterprise_id=owner))
    (rate,) = rates.json()["items"]
    assert (rate["terminals"], rate["online"], rate["online_rate"], rate["faulty"]) == (1, 1, 1.0, 1)


# -- drawn rows
# ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limits() -> HealthLimits:
    return read_health_limits(PROJECT / "city" / "panjin")


class Drawn:
    """Terminals of several firms with drawn health, and what must be said of each."""

    def __init__(self, limits: HealthLimits, seed: int) -> None:
        self.chance, self.limits = random.Random(seed), limits
        self.firms = [uuid4() for _ in range(3)]
        self.wanted: dict[str, Json] = {}

    async def write(self, superuser: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
        for firm in self.firms:
            await superuser.execute(
                "INSERT INTO telemetry.enterprises VALUES ($1, 'Firm', 'active', false, 1)", firm
            )
        for number in range(count):
            await self._terminal(superuser, f"D-{self.firms[0].hex[:6]}-{number}")

    async def _terminal(self, superuser: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
        draw, firm = self.chance.choice, self.chance.choice(self.firms)
        kind = draw(KINDS)
        key = await superuser.fetchval(
            "INSERT INTO telemetry.terminals"
            " (id, terminal_number, enterprise_id, secret_verifier, created_at, status, kind)"
            " VALUES ($1, $2, $3, '', now(), $4, $5) RETURNING terminal_key",
            uuid4(), name, firm, "revoked" if self.chance.random() < 0.1 else "active", kind,
        )  # fmt: skip
        now = datetime.now(UTC)
        minutes = draw((1, 9, 11, 59, 61, 1400, 1500, 10_000, 11_000, None))
        offset, drift = draw((None, 0, 29_999, 30_001, -31_000)), draw((None, 0, 5_001, -4_999))
        steps, jumps, restarts = draw((5, 100)), draw((0, 2, 3)), draw((0, 5, 6))
        day = draw((0, 0, 1))
        received, quarantined = draw((10, 100)), draw((0, 5, 6))
        if minutes is not None:
            heard = now - timedelta(minutes=minutes)
            await superuser.execute(
                "INSERT INTO telemetry.terminal_health VALUES ($1, $2, '{}', '{}', '{}', '{}', $3, $4)",
                key, heard - timedelta(hours=draw((0, 3))), offset, drift,
            )  # fmt: skip
            await superuser.execute(
                "INSERT INTO telemetry.latest_positions (terminal_key, time, content_hash, lon, lat, cell,"
                " received_at, revision, counted_on, steps, jumps, restarts)"
                " VALUES ($1, $2, 1, 122, 41, 1, $2, 1, $3, $4, $5, $6)",
                key, heard, city_day() - timedelta(days=day), steps, jumps, restarts,
            )  # fmt: skip
            await superuser.execute(
                "INSERT INTO telemetry.ingest_accounting VALUES ($1, $2, $3, $4, $5, 0, $6)",
                name, city_day(), firm, received, received - quarantined, quarantined,
            )  # fmt: skip
        if (
            await superuser.fetchval("SELECT status FROM telemetry.terminals WHERE terminal_key = $1", key)
            == "revoked"
        ):
            return
        self.wanted[name] = {
            "firm": firm, "kind": kind, "band": band_of(minutes),
            "faults": [] if minutes is None else self._faults(
                offset or 0, drift or 0, (steps, jumps, restarts) if day == 0 else (0, 0, 0),
                quarantined / received if received >= self.limits.least_counted else 0,
            ),
        }  # fmt: skip
        if minutes is None or minutes >= BANDS[0][1]:
            self.wanted[name]["faults"].insert(0, "silence")

    def _faults(self, offset: int, drift: int, counts: tuple[int, int, int], quarantined: float) -> list[str]:
        limits, (steps, jumps, restarts) = self.limits, counts
        held = {
            "clock_offset": abs(offset) > 1000 * limits.clock_offset_s,
            "clock_drift": abs(drift) > 1000 * limits.clock_drift_s_per_day,
            "jumps": steps >= limits.least_counted and jumps / steps > limits.jump_share,
            "quarantine": quarantined > limits.quarantine_share,
            "restarts": restarts > limits.restarts,
        }
        return [name for name, holds in held.items() if holds]


def city_day() -> date:
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def band_of(minutes: float | None) -> str:
    if minutes is None:
        return "never"
    return next((code for code, up_to in BANDS if minutes < up_to), "longer")


async def every(api: httpx.AsyncClient, path: str, who: dict[str, str], **query: Any) -> list[Json]:
    items: list[Json] = []
    cursor: Json = {}
    while True:
        answer = await api.get(f"/v1/{path}", params={"limit": 7, **query, **cursor}, headers=who)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture(scope="module")
async def drawn(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    limits: HealthLimits,
) -> Drawn:
    found = Drawn(limits, seed=5)
    superuser = await asyncpg.connect(database_urls["superuser"])
    await found.write(superuser, 120)
    await superuser.close()
    return found


@pytest.fixture(scope="module")
async def api(
    drawn: Drawn,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[httpx.AsyncClient]:
    async with factories.api(database_urls, tmp_path_factory.mktemp("health")) as client:
        yield client


async def test_every_terminal_in_use_is_judged_as_a_second_reckoning_does(
    api: httpx.AsyncClient, drawn: Drawn
) -> None:
    for who, firms in (
        (headers(enterprise_id=drawn.firms[0]), drawn.firms[:1]),
        (headers(Role.transport_bureau), drawn.firms),
    ):
        listed = {row["terminal_number"]: row for row in await every(api, "terminal-health", who)}
        mine = {name: row for name, row in drawn.wanted.items() if row["firm"] in firms}
        listed = {name: row for name, row in listed.items() if name.startswith("D-")}
        assert listed.keys() == mine.keys()
        for name, row in mine.items():
            assert (listed[name]["band"], listed[name]["faults"]) == (row["band"], row["faults"]), name


FILTERS: list[tuple[Json, Callable[[Json], bool]]] = [
    *[({"band": band}, lambda row, band=band: row["band"] == band) for band in ("online", "hour", "never")],
    *[({"fault": fault}, lambda row, fault=fault: fault in row["faults"]) for fault in ("jumps", "silence")],
    (
        {"band": "online", "fault": "restarts"},
        lambda row: row["band"] == "online" and "restarts" in row["faults"],
    ),
    ({"kind": "jt808"}, lambda row: row["kind"] == "jt808"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "holds"), FILTERS, ids=[json.dumps(query) for query, _ in FILTERS])
async def test_filters(
    api: httpx.AsyncClient, drawn: Drawn, query: Json, holds: Callable[[Json], bool]
) -> None:
    firm = drawn.firms[1]
    listed = await every(
        api, "terminal-health", headers(Role.transport_bureau),
        enterprise_id=str(firm), **query,
    )  # fmt: skip
    wanted = {name for name, row in drawn.wanted.items() if row["firm"] == firm and holds(row)}
    assert {row["terminal_number"] for row in listed} == wanted


async def test_rates_count_every_terminal_in_use_once(api: httpx.AsyncClient, drawn: Drawn) -> None:
    rates = await every(api, "terminal-online-rates", headers(Role.transport_bureau))
    found = {(UUID(rate["enterprise_id"]), rate["kind"]): rate for rate in rates}
    for firm, kind in product(drawn.firms, KINDS):
        rows = [row for row in drawn.wanted.values() if (row["firm"], row["kind"]) == (firm, kind)]
        bands = Counter(row["band"] for row in rows)
        rate = found[firm, kind]
        assert {band["band"]: band["terminals"] for band in rate["bands"]} == {
            code: bands[code] for code in (*(code for code, _ in BANDS), "longer", "never")
        }
        assert rate["terminals"] == len(rows)
        assert rate["online_rate"] == pytest.approx(bands["online"] / len(rows))
        assert rate["faulty"] == sum(bool(set(row["faults"]) - {"silence"}) for row in rows)


@pytest.mark.parametrize(
    "query",
    [
        "terminal-health?limit=0", "terminal-health?cursor=zzz", "terminal-health?fault=ugly",
        "terminal-health?band=%00", "terminal-health?band=month", "terminal-health?kind=bridge",
        "terminal-health?enterprise_id=x", "terminal-online-rates?cursor=WyJhIl0",
        "terminal-online-rates?kind=a%2Fb", "terminal-online-rates?kind=mqtts",
    ],
)  # fmt: skip
async def test_bad_questions_get_a_problem(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/v1/{query}", headers=headers(Role.transport_bureau))
    assert answer.status_code == 422, answer.text


async def test_police_and_strangers_have_no_business_here(api: httpx.AsyncClient) -> None:
    for path in ("terminal-health", "terminal-online-rates"):
        assert (await api.get(f"/v1/{path}", headers=headers(Role.police))).status_code == 403
        assert (await api.get(f"/v1/{path}")).status_code == 401


def test_a_profile_with_bands_out_of_order_is_refused(tmp_path: Path) -> None:
    text = (PROJECT / "city" / "panjin" / "profile.toml").read_text("utf-8")
    (tmp_path / "profile.toml").write_text(text.replace('["hour", 60]', '["hour", 6]'), "utf-8")
    with pytest.raises(ValueError, match="must grow"):
        read_health_limits(tmp_path)
    (tmp_path / "profile.toml").write_text(
        text.replace("clock_offset_s = 30", 'clock_offset_s = "x"'), "utf-8"
    )
    with pytest.raises(TypeError):
        read_health_limits(tmp_path)
