"""Positions over HTTP: committed when the answer comes, held to the poster's own terminals."""

import base64
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.shared.auth import Role
from services.shared.schemas import format_instant
from tests.factories.telemetry import add_enterprise, add_vehicle, fix, headers, moment
from tests.telemetry.conftest import Service, provision
from tests.telemetry.consumers.test_passing_on import emqx, traccar
from tests.telemetry.domain.test_documents import OWNTRACKS


@pytest.fixture(scope="module")
async def enterprise_id(service: Service) -> UUID:
    return await add_enterprise(service.superuser)


def basic(credential: dict[str, Any]) -> dict[str, str]:
    pair = f"{credential['username']}:{credential['password']}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


async def post(service: Service, body: Any, sender: dict[str, str]) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await service.api.post("/v1/positions", content=content, headers=sender)


def counted(**values: int) -> dict[str, int]:
    return {"received": sum(values.values()), "stored": 0, "duplicate": 0, "quarantined": 0, **values}


async def test_a_terminal_posts_its_own(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "HTTP-1", enterprise_id)
    position = fix(10, seq=1, boot=1)
    answer = await post(service, position, basic(credential))
    assert (answer.status_code, answer.json()) == (200, counted(stored=1))
    assert await service.stored("HTTP-1") == 1, "committed when the answer comes"
    many = [position, fix(9), fix(8, speed_kmh=-1), fix(-600)]
    assert (await post(service, many, basic(credential))).json() == counted(
        stored=1, duplicate=1, quarantined=2
    )
    located = {**OWNTRACKS, "tst": int(moment(7).timestamp())}
    owntracks = await post(service, located, basic(credential))
    assert (owntracks.status_code, owntracks.json()) == (200, [])
    assert (await post(service, {"_type": "lwt"}, basic(credential))).json() == []
    assert await service.stored("HTTP-1") == 3
    listed = await service.api.get(
        "/v1/quarantined-positions",
        params={"terminal_number": "HTTP-1"},
        headers=headers(enterprise_id=enterprise_id),
    )
    assert sorted(item["reason"] for item in listed.json()["items"]) == ["out_of_range", "time_in_future"]


async def test_a_bridge_and_a_firm_post_for_their_terminals(service: Service, enterprise_id: UUID) -> None:
    bridge = await provision(service, "HTTP-BRIDGE", enterprise_id, kind="bridge")
    await provision(service, "HTTP-2", enterprise_id)
    await provision(service, "13900000401", enterprise_id, kind="jt808")
    assert (await post(service, traccar("HTTP-2", 20), basic(bridge))).json() == counted(stored=1)
    firm = headers(enterprise_id=enterprise_id)
    both = [{"terminal_number": "HTTP-2", **fix(10)}, {"terminal_number": "13900000401", **fix(10)}]
    assert (await post(service, both, firm)).json() == counted(stored=2)
    assert (await post(service, both, basic(bridge))).json() == counted(duplicate=2)
    assert await service.stored("HTTP-2") == 2


async def test_a_posted_alarm_counts_with_a_position_and_without(
    service: Service, enterprise_id: UUID
) -> None:
    vehicle = await add_vehicle(service.superuser, enterprise_id)
    await provision(service, "13900000402", enterprise_id, kind="jt808", vehicle_id=str(vehicle))
    await service.superuser.execute("UPDATE telemetry.terminal_bindings SET valid_from = '2020-01-01Z'")
    firm, placed = headers(enterprise_id=enterprise_id), emqx("13900000402", 20)
    assert (await post(service, placed, firm)).json() == counted(stored=1)
    unplaced = emqx("13900000402", 10)
    unplaced["body"] |= {"status": 0, "alarm": 1}
    assert (await post(service, unplaced, firm)).json() == counted(quarantined=1)
    alarms = await service.superuser.fetch(
        "SELECT alarm_bits, lon FROM telemetry.terminal_alarms JOIN telemetry.terminals USING (terminal_key)"
        " WHERE terminal_number = '13900000402' ORDER BY time"
    )
    assert [tuple(row) for row in alarms] == [(2, 122.07), (1, None)]
    query = (
        "SELECT count(*) FROM telemetry.pending_derivations JOIN telemetry.terminal_alarms ON time = since"
        " WHERE vehicle_id = $1 AND until = since AND lon IS NULL"
    )
    assert await service.count(query, vehicle) == 1, "derived without waiting for a fix"


async def test_nobody_posts_for_another_firm(service: Service, enterprise_id: UUID) -> None:
    other = await add_enterprise(service.superuser)
    foreign = await provision(service, "HTTP-FOREIGN", other)
    mine = await provision(service, "HTTP-3", enterprise_id)
    bridge = await provision(service, "HTTP-BRIDGE-3", enterprise_id, kind="bridge")
    firm = headers(enterprise_id=enterprise_id)
    for sender in (firm, basic(bridge), basic(mine)):
        for number in ("HTTP-FOREIGN", "HTTP-UNKNOWN", "HTTP-BRIDGE-3"):
            body = [{"terminal_number": number, **fix(10)}, {"terminal_number": "HTTP-3", **fix(11)}]
            refused = await post(service, body, sender)
            assert refused.status_code == 404, refused.text
            assert (await post(service, traccar(number, 10), sender)).status_code == 404
    assert await service.stored("HTTP-FOREIGN") == await service.stored("HTTP-3") == 0
    wrong = {**mine, "password": foreign["password"]}
    for sender in (basic(wrong), {}, {"Authorization": "Basic !"}, {"Authorization": "Digest x"}):
        assert (await post(service, fix(10), sender)).status_code == 401
    assert (await post(service, fix(10), headers(Role.police))).status_code == 403
    revoked = f"/v1/terminals/{mine['id']}/revocation"
    assert (await service.api.post(revoked, headers=firm)).status_code == 204
    assert (await post(service, fix(10), basic(mine))).status_code == 401
    assert (await post(service, {"terminal_number": "HTTP-3", **fix(10)}, firm)).status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"17", b"[17" + b",17" * 2000 + b"]", b"\xff", b"[" * 20_000, b'{"_type": 3}']
)
async def test_what_is_no_position_is_refused(service: Service, enterprise_id: UUID, body: bytes) -> None:
    bridge = await provision(service, f"HTTP-BAD-{abs(hash(body)) % 10**8}", enterprise_id, kind="bridge")
    for sender in (basic(bridge), headers(enterprise_id=enterprise_id)):
        answer = await post(service, body, sender)
        assert answer.status_code == 422, answer.text
        assert answer.json()["type"] == "urn:cityfreight:problem:positions-unreadable"


@pytest.mark.parametrize("number", ["\0", "\ud800", "A B", ""])
async def test_what_is_no_terminals_number_is_refused(
    service: Service, enterprise_id: UUID, number: str
) -> None:
    firm = headers(enterprise_id=enterprise_id)
    for body in ({"terminal_number": number, **fix(10)}, [{"terminal_number": number}], traccar(number, 10)):
        answer = await post(service, body, firm)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["code"] == "pattern"
    if number.isascii():
        assert (await post(service, fix(10), basic({"username": number, "password": "x"}))).status_code == 401


async def test_a_day_nobody_has_made_yet_is_made(service: Service, enterprise_id: UUID) -> None:
    credential = await provision(service, "HTTP-9", enterprise_id)
    old = moment(29 * 86_400)
    await service.superuser.execute(f"DROP TABLE telemetry.positions_{old:%Y%m%d}")
    position = {**fix(10), "time": format_instant(old)}
    answer = await post(service, [position, fix(9)], basic(credential))
    assert (answer.status_code, answer.json()) == (200, counted(stored=2))
    assert await service.stored("HTTP-9") == 2
