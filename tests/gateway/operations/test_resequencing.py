"""The exchange's own logs: what leaves, in what order, and that the chain and the sums prove it."""

import asyncio
import hashlib
import random
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from gateway.consumers import worker as worker_process
from gateway.consumers.worker import KINDS, copy_version
from gateway.domain.datasets import BY_KIND, DATASETS, Audience
from gateway.domain.projection import field_tree
from gateway.operations import resequencing
from gateway.operations.logs import start_logs
from gateway.operations.resequencing import apply_change, mark_stale, sweep_stale
from services.shared.db import Database
from tests.factories import gateway as make

pytestmark = pytest.mark.usefixtures("clean_database", "feeds")

VEHICLE = {
    *("id", "enterprise_id", "plate_number", "plate_color", "valid_from", "valid_to", "predecessor_id"),
    *("vehicle_type", "energy_code", "powertrain", "curb_mass_kg", "gross_mass_kg", "payload_kg"),
    *("volume_m3", "length_m", "width_m", "height_m", "refrigeration", "emission_stage", "use_character"),
    *("vin", "road_transport_certificate_number", "registered_on", "licence_issued_on", "licence_issuer"),
    *("entry_reason", "entry_on", "exit_reason", "exit_on", "status", "lapses", "standings"),
}
ENTERPRISE = {"id", "name", "uscc", "kind", "status", "standings", "member_from", "member_to", "grades"}
PROVINCE = Audience.province


async def entities(api: httpx.AsyncClient, dataset: str) -> dict[str, Any]:
    return make.rebuilt(await make.read_all(api, dataset, make.bearer()))


async def test_demo_firms_and_all_that_is_theirs_stay_inside(
    api: httpx.AsyncClient, feeds: make.Feeds
) -> None:
    demo, firm = make.enterprise(is_demo=True), make.enterprise()
    for each in (demo, firm):
        await feeds.say("enterprise", each)
        van = make.vehicle(each["id"])
        await feeds.say("vehicle", van)
        await feeds.say("visit", make.visit(each["id"], van["id"]))
    own = make.vehicle(firm["id"], is_demo=True)
    await feeds.say("vehicle", own)
    await feeds.say("visit", make.visit(firm["id"], own["id"]))
    for dataset in ("enterprises", "vehicles", "visits"):
        found = await entities(api, dataset)
        owners = {state.get("enterprise_id", state["id"]) for state in found.values()}
        assert (demo["id"] in owners, firm["id"] in owners) == (False, True), dataset
        assert own["id"] not in str(found)
        assert "is_demo" not in str(found)


async def test_what_arrives_before_its_owner_waits_for_it(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    firm = make.enterprise()
    van = make.vehicle(firm["id"])
    stay = make.visit(firm["id"], van["id"])
    await feeds.say("visit", stay)
    await feeds.say("vehicle", van)
    assert stay["id"] not in await entities(api, "visits")
    await feeds.say("enterprise", firm)
    assert stay["id"] in await entities(api, "visits")
    assert van["id"] in await entities(api, "vehicles")


async def test_leaving_the_scope_is_a_deletion_and_coming_back_a_state(
    api: httpx.AsyncClient, feeds: make.Feeds
) -> None:
    firm = make.enterprise()
    van = make.vehicle(firm["id"])
    stay = make.visit(firm["id"], van["id"])
    for kind, state in (("enterprise", firm), ("vehicle", van), ("visit", stay)):
        await feeds.say(kind, state)
    await feeds.say("enterprise", {**firm, "is_demo": True})
    items = [item for item in await make.read_all(api, "visits", make.bearer()) if item["id"] == stay["id"]]
    assert [(item["version"], item["deleted"]) for item in items] == [(1, False), (2, True)]
    assert items[-1]["state"] == {"id": stay["id"]}
    await feeds.say("enterprise", firm)
    items = [item for item in await make.read_all(api, "visits", make.bearer()) if item["id"] == stay["id"]]
    assert [(item["version"], item["deleted"]) for item in items] == [(1, False), (2, True), (3, False)]


async def test_no_change_of_the_view_is_no_position(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    firm = make.enterprise()
    await feeds.say("enterprise", firm)
    before = await make.read_all(api, "enterprises", make.bearer())
    await feeds.say("enterprise", firm)
    await feeds.say("enterprise", {**firm, "status": "suspended"}, version=1)
    assert await make.read_all(api, "enterprises", make.bearer()) == before


async def test_only_listed_fields_leave(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    since = "2026-01-01T00:00:00.000Z"
    decided = {"status": "active", "since": since, "reason": "no", "decided_by": "no"}
    firm = make.enterprise(legal_representative="王某", standings=[decided], verified={"name": "no"})
    van = make.vehicle(firm["id"], driver_phone="13800000000", verified={"vin": "no"})
    shape = make.area(secret="no")
    shape["versions"][0]["geometry"]["note"] = "no"
    for kind, state in (("enterprise", firm), ("vehicle", van), ("area", shape)):
        await feeds.say(kind, state)
    vehicle = (await entities(api, "vehicles"))[van["id"]]
    enterprise = (await entities(api, "enterprises"))[firm["id"]]
    assert (set(vehicle), set(enterprise)) == (VEHICLE, ENTERPRISE)
    assert enterprise["standings"] == [{"status": "active", "since": since, "causes": []}]
    assert "no" not in str([vehicle, enterprise]).split("'")
    public = make.rebuilt(await make.read_all(api, "areas", {}))[shape["id"]]
    assert set(public["versions"][0]["geometry"]) == {"type", "coordinates"}
    assert "no" not in str(public).split("'")


async def test_random_changes_end_as_an_oracle_says(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    rng = random.Random(7)
    firms: dict[str, Any] = {}
    vans: dict[str, Any] = {}
    for _ in range(250):
        kind = rng.choice(["enterprise", "vehicle", "vehicle", "vehicle"])
        known = firms if kind == "enterprise" else vans
        entity = rng.choice([*known, str(uuid4())]) if len(known) < 12 else rng.choice([*known])
        if kind == "enterprise":
            state = make.enterprise(UUID(entity), name=f"企业{rng.randrange(3)}", is_demo=rng.random() < 0.3)
        else:
            owner = known[entity]["enterprise_id"] if entity in known else rng.choice([*firms, str(uuid4())])
            state = make.vehicle(owner, UUID(entity), payload_kg=rng.randrange(3), is_demo=rng.random() < 0.2)
        gone = rng.random() < 0.1
        await feeds.say(kind, state, deleted=gone)
        known[entity] = {**state, "gone": gone}
    shown = {key for key, state in firms.items() if not state["gone"] and not state["is_demo"]}
    expected = {
        key: (state["enterprise_id"], state["payload_kg"])
        for key, state in vans.items()
        if not state["gone"] and not state["is_demo"] and state["enterprise_id"] in shown
    }
    found = {
        key: (state["enterprise_id"], state["payload_kg"])
        for key, state in (await entities(api, "vehicles")).items()
        if key in vans
    }
    assert found == expected
    assert {key for key in await entities(api, "enterprises") if key in firms} == shown


async def test_the_sum_of_the_manifest_is_that_of_the_entities(api: httpx.AsyncClient) -> None:
    for dataset in ("enterprises", "vehicles", "visits", "areas"):
        manifest = (await api.get(f"/exchange/v1/{dataset}/manifest", headers=make.bearer())).json()
        states = [make.canonical(state) for state in (await entities(api, dataset)).values()]
        total = sum(int(hashlib.sha256(state).hexdigest(), 16) for state in states) % 2**256
        assert (manifest["contents"], manifest["entities"]) == (f"{total:064x}", len(states))


async def test_two_sources_at_once_keep_every_log_dense(
    api: httpx.AsyncClient, feeds: make.Feeds, worker: Database
) -> None:
    firms = [make.enterprise() for _ in range(6)]
    vans = [make.vehicle(firm["id"]) for firm in firms]
    stays = [make.visit(firm["id"], van["id"]) for firm, van in zip(firms, vans, strict=True)]
    batches = [
        [("enterprise", each) for each in firms] + [("vehicle", each) for each in vans],
        [("visit", each) for each in stays],
        [("enterprise", {**each, "is_demo": True}) for each in firms[:3]],
    ]
    for each in firms:
        feeds.versions[UUID(each["id"])] = 0

    async def follow(batch: list[tuple[str, Any]]) -> None:
        async with worker.transaction() as session:
            for kind, state in batch:
                await apply_change(make.SOURCE_OF[kind], session, feeds.change(kind, state))

    await asyncio.gather(follow(batches[0]), follow(batches[1]))
    await asyncio.gather(
        follow(batches[2]), follow([("visit", {**each, "status": "closed"}) for each in stays])
    )
    found = await entities(api, "visits")
    assert {each["id"] for each in stays if each["id"] in found} == {each["id"] for each in stays[3:]}


async def test_a_bootstrap_lets_leave_what_its_source_no_longer_has(
    api: httpx.AsyncClient, feeds: make.Feeds, worker: Database
) -> None:
    kept, lost = make.enterprise(), make.enterprise()
    for each in (kept, lost):
        await feeds.say("enterprise", each)
        await feeds.say("enterprise", {**each, "name": "改名"})
    before = len(await make.read_all(api, "enterprises", make.bearer()))
    async with worker.transaction() as session:
        await mark_stale("registry", session)
        change = feeds.change("enterprise", {**kept, "name": "恢复"}, version=1)
        await apply_change("registry", session, change)
    async with worker.transaction() as session:
        assert await sweep_stale(session)
    found = await entities(api, "enterprises")
    assert (found[kept["id"]]["name"], lost["id"] in found) == ("恢复", False)
    assert len(await make.read_all(api, "enterprises", make.bearer())) > before
    await feeds.say("enterprise", lost, version=1)
    assert lost["id"] in await entities(api, "enterprises")


async def test_a_changed_field_list_is_served_anew_and_what_was_served_stays(
    api: httpx.AsyncClient, feeds: make.Feeds, worker: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange with yesterday's list of a vehicle's fields; then it starts with today's."""
    today = DATASETS["vehicles"]
    listed = tuple(name for name in today.audiences[PROVINCE] if name not in {"vin", "lapses"})
    former = replace(today, audiences={PROVINCE: listed}, schema_version=today.schema_version - 1)
    firm = make.enterprise()
    vans = [make.vehicle(firm["id"], vin="LGXC16DF4A0169664") for _ in range(3)]
    with monkeypatch.context() as yesterday:
        tree = field_tree(former.audiences[PROVINCE])
        yesterday.setitem(resequencing._TREES, ("vehicles", PROVINCE), tree)
        yesterday.setattr(resequencing, "BY_KIND", {**BY_KIND, ("registry", "vehicle"): former})
        for kind, state in (("enterprise", firm), *(("vehicle", van) for van in vans)):
            await feeds.say(kind, state)
    before = await make.read_all(api, "vehicles", make.bearer())
    assert [item["schema_version"] for item in before[-3:]] == [former.schema_version] * 3
    assert not any({"vin", "lapses"} & item["state"].keys() for item in before[-3:])

    async with worker.transaction() as session:
        await mark_stale("registry", session)
        for kind, state in (("enterprise", firm), *(("vehicle", van) for van in vans)):
            version = feeds.versions[UUID(state["id"])]
            await apply_change("registry", session, feeds.change(kind, state, version=version))
    after = await make.read_all(api, "vehicles", make.bearer())
    assert after[: len(before)] == before, "positions, digests and states that were served stand"
    anew = after[len(before) :]
    assert {item["id"] for item in anew} == {van["id"] for van in vans}
    assert {item["schema_version"] for item in anew} == {today.schema_version}
    assert {item["state"]["vin"] for item in anew} == {"LGXC16DF4A0169664"}
    assert [item["pos"] for item in anew] == [before[-1]["pos"] + n for n in (1, 2, 3)]


def test_the_fields_of_a_source_tell_when_its_copy_must_be_built_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {name: copy_version(name) for name in KINDS}
    longer = replace(DATASETS["vehicles"], audiences={PROVINCE: (*VEHICLE, "new")})
    monkeypatch.setattr(worker_process, "DATASETS", {**DATASETS, "vehicles": longer})
    changed = {name for name in KINDS if copy_version(name) != before[name]}
    assert changed == {"registry"}


async def test_a_restored_database_starts_new_lives(
    api: httpx.AsyncClient,
    feeds: make.Feeds,
    worker: Database,
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    before = (await api.get("/exchange/v1/areas/changes")).json()
    await superuser.execute("UPDATE gateway.exchange_logs SET cluster = 'where it was dumped'")
    await feeds.say("area", make.area())
    after = (await api.get("/exchange/v1/areas/changes", params={"after": before["head"]})).json()
    assert after["feed_id"] != before["feed_id"]
    assert [item["pos"] for item in after["items"]] == [before["head"] + 1]
    old = {"after": before["head"], "feed_id": before["feed_id"]}
    assert (await api.get("/exchange/v1/areas/changes", params=old)).status_code == 409
    async with worker.transaction() as session:
        await start_logs(session)
    again = (await api.get("/exchange/v1/areas/changes")).json()
    assert again["feed_id"] == after["feed_id"]


async def test_the_api_role_may_not_write_the_exchange(database_urls: dict[str, str]) -> None:
    connection = await asyncpg.connect(database_urls["gateway_api"])
    try:
        for statement in (
            "DELETE FROM gateway.exchange_changes",
            "UPDATE gateway.exchange_logs SET pos = 0",
            "SELECT * FROM gateway.copies",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
