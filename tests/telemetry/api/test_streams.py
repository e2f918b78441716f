"""Live positions: complete after any interruption, within bounds, ended by token, revocation and SIGTERM."""

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.shared.auth import Principal, Role
from services.telemetry.api.streams import EventStream
from services.telemetry.operations import channels, streams
from services.telemetry.queries.streams import Change, find_changed
from tests.factories import telemetry as factories
from tests.factories.telemetry import fix, headers
from tests.support.edge import running_edge
from tests.support.events import Client, served
from tests.support.ports import unused_port, wait_for_listener
from tests.support.positions_stage import Stage, Van
from tests.support.scratch import scratch_directory
from tests.support.waiting import eventually

CASE = "事故调查 2026-117"
BOX = "122.0,41.0,122.2,41.2"


@pytest.fixture(scope="module")
async def address(stage: Stage) -> AsyncIterator[str]:
    """The stage's app on a port."""
    async with served(app_of(stage)) as found:
        yield found


def app_of(stage: Stage) -> Any:
    return stage.api._transport.app  # type: ignore[attr-defined]  # the in-process transport


async def is_told(client: Client, count: int) -> None:
    async def holds() -> bool:
        return len(client.events) >= count

    await eventually(holds)


async def fleet(stage: Stage, firm: UUID, count: int) -> list[Van]:
    vans = [await stage.van(firm) for _ in range(count)]
    for van in vans:
        await stage.receive(van.number, fix(30))
    await stage.fold()
    return vans


async def test_it_begins_with_everything_and_goes_on_with_changes(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    vans = await fleet(stage, firm, 3)
    mine = headers(enterprise_id=firm)
    client = Client()
    async with client.listening(address, mine):
        assert client.retry_ms == 2000
        assert len(client.events[0][2]["features"]) == 3
        first_id = int(client.last_id)
        for number in range(10):
            await stage.drive(vans[0], [fix(20 - number, lon=122.08 + number / 1000)])
        await is_told(client, 2)
        await asyncio.sleep(1.5)
    assert int(client.last_id) > first_id
    times = [at for at, _, _ in client.events]
    assert all(after - before >= 0.9 for before, after in itertools.pairwise(times))
    for _, name, data in client.events[1:]:
        assert name == "positions"
        assert [feature["id"] for feature in data["features"]] == [str(vans[0].terminal_id)]
        assert data["left"] == []
    latest = (await stage.get("/v1/latest-positions", mine)).json()["features"]
    assert {feature["id"]: feature for feature in latest} == client.shown


async def test_a_resumed_stream_tells_the_newest_of_what_was_missed(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    vans = await fleet(stage, firm, 4)
    mine = headers(enterprise_id=firm)
    client = Client()
    async with client.listening(address, mine):
        pass
    for number in range(3):
        await stage.drive(vans[1], [fix(20 - number, lon=round(122.1 + number / 100, 2))])
    before = len(client.events)
    async with client.listening(address, mine):
        await is_told(client, before + 1)
    (_, _, data) = client.events[before]
    ((feature,), left) = data["features"], data["left"]
    assert (feature["id"], feature["geometry"]["coordinates"][0], left) == (
        str(vans[1].terminal_id),
        122.12,
        [],
    )
    nothing = Client(last_id=client.last_id)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5), nothing.listening(address, mine):
            pass
    assert nothing.events == []


async def test_an_id_from_before_a_restore_begins_anew(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    await fleet(stage, firm, 2)
    client = Client(last_id=str(10**15))
    async with client.listening(address, headers(enterprise_id=firm)):
        await is_told(client, 1)
    assert len(client.events[0][2]["features"]) == 2
    assert int(client.last_id) < 10**15


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_it_ends_at_what_is(stage: Stage, address: str, seed: int) -> None:
    """Vans drive in and out of the box while the line breaks again and again."""
    chooser = random.Random(seed)
    firm = await stage.firm()
    vans = await fleet(stage, firm, 8)
    mine = headers(enterprise_id=firm)
    client = Client()
    for number in range(5):
        async with client.listening(address, mine, bbox=BOX):
            for _ in range(chooser.randint(0, 2)):
                await _drive_some(stage, chooser, vans, number)
                await asyncio.sleep(chooser.random())
        await _drive_some(stage, chooser, vans, number + 0.5)
    async with client.listening(address, mine, bbox=BOX):

        async def agrees() -> bool:
            answer = await stage.get("/v1/latest-positions", mine, bbox=BOX)
            found = {feature["id"]: feature for feature in answer.json()["features"]}
            return found == client.shown

        await eventually(agrees, 5)
        assert await agrees(), "and stays so"


async def _drive_some(stage: Stage, chooser: random.Random, vans: list[Van], step: float) -> None:
    for van in chooser.sample(vans, chooser.randint(1, 8)):
        await stage.receive(van.number, fix(25 - step * 4, lon=chooser.choice([122.05, 122.1, 123.0])))
    await stage.fold()


class Ears:
    """A listener that keeps the revisions it was offered."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def offer(self, changes: list[Change]) -> None:
        self.heard += [change.revision for change in changes]


async def test_those_who_begin_at_once_miss_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has read, another change comes, and a second listener would be the first to have begun."""
    firm = await stage.firm()
    (van,) = await fleet(stage, firm, 1)
    app = app_of(stage)
    who = Principal("client-x", Role.enterprise, firm, client_id="test")
    channel = channels.Channel(app.state.database, who, app.state.reading_rules, app.state.clock)
    late, quick = Ears(), Ears()
    has_read = asyncio.Event()
    monkeypatch.setattr(channels, "PERIOD_S", 0.05)

    async def find_and_linger(*given: Any) -> list[Change]:
        found = await find_changed(*given)
        if not has_read.is_set():
            await stage.drive(van, [fix(1)])
            has_read.set()
            await asyncio.wait([joining[1]], timeout=0.5)
        return found

    monkeypatch.setattr(channels, "find_changed", find_and_linger)

    async def join_next() -> None:
        await has_read.wait()
        await channel.join(quick, 0)

    joining = [asyncio.create_task(channel.join(late, 0)), asyncio.create_task(join_next())]
    await asyncio.gather(*joining)
    newest = await stage.superuser.fetchval("SELECT max(revision) FROM telemetry.latest_positions")

    async def all_have_heard() -> bool:
        return late.heard[-1:] == quick.heard[-1:] == [newest]

    await eventually(all_have_heard, 3)
    assert (late.heard[-1], quick.heard[-1]) == (newest, newest)
    for ears in (late, quick):
        await channel.leave(ears)


async def test_filters_and_what_has_left(stage: Stage, address: str) -> None:
    first, second = await stage.firm(), await stage.firm()
    ours, theirs = await fleet(stage, first, 2), await fleet(stage, second, 1)
    office = headers(Role.transport_bureau)
    for params, expected in (
        ({"enterprise_id": str(first)}, ours),
        ({"vehicle_id": [str(ours[1].id), str(theirs[0].id)]}, [ours[1], theirs[0]]),
        ({"enterprise_id": str(second), "vehicle_id": str(ours[0].id)}, []),
        ({"enterprise_id": str(first), "bbox": "1,1,2,2"}, []),
    ):
        client = Client()
        async with client.listening(address, office, purpose=CASE, **params):
            pass
        assert set(client.shown) == {str(van.terminal_id) for van in expected}, params
    client = Client()
    async with client.listening(address, headers(enterprise_id=first), bbox=BOX):
        assert len(client.shown) == 2
        await stage.drive(ours[0], [fix(1, lon=130.0)])
        await is_told(client, 2)
    assert client.events[1][2] == {
        "type": "FeatureCollection",
        "features": [],
        "left": [str(ours[0].terminal_id)],
    }


async def test_a_firm_is_told_of_its_own_alone(
    stage: Stage, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As built, and by row-level security alone."""
    first, second = await stage.firm(), await stage.firm()
    ours, theirs = await fleet(stage, first, 1), await fleet(stage, second, 1)
    for _ in range(2):
        client = Client()
        async with client.listening(address, headers(enterprise_id=first)):
            await stage.drive(theirs[0], [fix(1)])
            await stage.drive(ours[0], [fix(1)])
            await is_told(client, 2)
        assert set(client.shown) == {str(ours[0].terminal_id)}
        monkeypatch.setattr(channels, "held_to", lambda _: None)
    for role in (Role.province, Role.public):
        assert (await stage.get("/v1/position-stream", headers(role))).status_code == 403
    assert (await stage.get("/v1/position-stream", {})).status_code == 401


async def test_streams_are_bounded_and_given_back(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    mine = headers(enterprise_id=firm)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(Client().listening(address, mine))
        refused = await Client().listen(address, mine)
        assert (refused.status_code, refused.json()["type"]) == (
            429,
            "urn:cityfreight:problem:too-many-streams",
        )
        assert refused.headers["retry-after"] == "10"
        app_of(stage).state.streams._most = 6
        async with Client().listening(address, headers(enterprise_id=firm)):
            full = await Client().listen(address, headers(enterprise_id=firm))
        assert (full.status_code, full.json()["type"]) == (503, "urn:cityfreight:problem:streams-full")
        app_of(stage).state.streams._most = 200

    async def is_idle() -> bool:
        found = app_of(stage).state.streams
        return not found._open and not found._channels and not found._callers

    await eventually(is_idle)
    async with Client().listening(address, mine):
        pass


def short_lived(firm: UUID, seconds: float) -> tuple[str, dict[str, str]]:
    """Subject and token of a firm's client that ends soon."""
    principal = Principal(f"client-{uuid4().hex[:8]}", Role.enterprise, firm, client_id="test")
    token, lifetime = factories._ISSUER.issue(principal, at=time.time() - 600 + seconds)
    assert lifetime == 600
    return principal.subject, {"Authorization": f"Bearer {token}"}


async def test_it_ends_with_its_token(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    _, mine = short_lived(firm, 3)
    client = Client()
    began = time.monotonic()
    async with asyncio.timeout(10):
        await client.listen(address, mine)
    assert 1 <= time.monotonic() - began <= 4.5
    assert client.events[-1][1:] == ("end", {"reason": "token_expired"})


async def test_it_ends_when_its_client_is_disabled(
    stage: Stage, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.3)
    firm = await stage.firm()
    subject, mine = short_lived(firm, 300)
    client = Client()
    async with client.listening(address, mine):
        await stage.superuser.execute("INSERT INTO telemetry.revoked_subjects (subject) VALUES ($1)", subject)

        async def has_ended() -> bool:
            return client.events[-1][1:] == ("end", {"reason": "no_longer_allowed"})

        await eventually(has_ended, 5)
    assert client.events[-1][1:] == ("end", {"reason": "no_longer_allowed"}), "nothing comes after the end"


async def test_heartbeats_keep_the_line_and_the_place(
    stage: Stage, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.2)
    first, second = await stage.firm(), await stage.firm()
    await fleet(stage, first, 1)
    (other,) = await fleet(stage, second, 1)
    client = Client()
    async with client.listening(address, headers(Role.police), purpose=CASE, enterprise_id=str(first)):
        place = int(client.last_id)
        await stage.drive(other, [fix(1)])

        async def has_moved_on() -> bool:
            return int(client.last_id) > place and client.comments > 3

        await eventually(has_moved_on)
    assert len(client.events) == 1, "another's change moves the place and tells nothing"


async def test_what_is_shown_is_on_record_first(stage: Stage, address: str) -> None:
    first, second = await stage.firm(), await stage.firm()
    await fleet(stage, first, 2)
    (late,) = [await stage.van(second)]
    police = headers(Role.police)

    async def entries(firm: UUID) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            await stage.get("/v1/position-readings", headers(enterprise_id=firm))
        ).json()["items"]
        return found

    client = Client()
    async with client.listening(address, police, purpose=CASE, bbox=BOX):
        (entry,) = await entries(first)
        assert (entry["kind"], entry["vehicles"], entry["stands_for_s"]) == ("stream", 2, 600)
        assert entry["bbox"] == [122.0, 41.0, 122.2, 41.2]
        assert await entries(second) == []
        await stage.drive(late, [fix(1)])
        await is_told(client, 2)
        assert len(await entries(second)) == 1
    again = Client()
    async with again.listening(address, police, purpose=CASE, bbox=BOX):
        pass
    assert len(await entries(first)) == 1, "the same watch within ten minutes"
    other = Client()
    async with other.listening(address, police, purpose=CASE, vehicle_id=str(late.id)):
        pass
    assert (await entries(second))[-1]["vehicle_ids"] == [str(late.id)]


async def test_events_pass_the_edge_as_they_come(stage: Stage, address: str) -> None:
    firm = await stage.firm()
    (van,) = await fleet(stage, firm, 1)
    upstreams = {"telemetry": address.removeprefix("http://")}
    with (
        scratch_directory() as directory,
        running_edge(directory / "edge", upstreams, {"position-stream": "telemetry"}) as edge,
    ):
        client = Client()
        async with client.listening(f"http://{edge}", headers(enterprise_id=firm)):
            assert len(client.events[0][2]["features"]) == 1
            await asyncio.sleep(1.2)
            began = time.monotonic()
            await stage.drive(van, [fix(1)])
            await is_told(client, 2)
            assert time.monotonic() - began < 2.5


async def test_the_place_asked_for_must_be_one(stage: Stage) -> None:
    mine = headers(enterprise_id=await stage.firm())
    for wrong in ("x", "-1", "9" * 30):
        answer = await stage.get("/v1/position-stream", {**mine, "Last-Event-ID": wrong})
        assert answer.status_code == 422
    for bad in ({"bbox": "1"}, {"vehicle_id": "x"}, {"enterprise_id": "x"}, {"vehicle_id": ["x"] * 201}):
        assert (await stage.get("/v1/position-stream", mine, **bad)).status_code == 422, bad


async def test_sigterm_ends_streams_and_process_at_once(stage: Stage, tmp_path: Path) -> None:
    """With the server's own patience without end, as in Kubernetes."""
    firm = await stage.firm()
    await fleet(stage, firm, 1)
    port = unused_port()
    given = {
        "urls": stage.urls, "directory": str(tmp_path), "port": port, "registry_key": factories.REGISTRY_KEY,
    }  # fmt: skip
    command = (sys.executable, "-m", "tests.support.telemetry_server", json.dumps(given))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        await asyncio.to_thread(wait_for_listener, port, process.pid, 30)
        clients = [Client() for _ in range(4)]
        tasks = [
            asyncio.create_task(client.listen(f"http://127.0.0.1:{port}", headers(enterprise_id=firm)))
            for client in clients
        ]
        for client in clients:
            await is_told(client, 1)
        began = time.monotonic()
        process.terminate()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
            await process.wait()
        assert time.monotonic() - began < 3
        assert [client.events[-1][1:] for client in clients] == [("end", {"reason": "shutdown"})] * 4
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_client_that_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.telemetry.api.streams.SEND_S", 0.1)
    closed = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        while True:
            yield b": alive\n\n"

    async def close() -> None:
        closed.set()

    async def stuck(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await EventStream(events(), close)({"type": "http"}, receive, stuck)
    assert closed.is_set()
