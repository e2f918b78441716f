"""The exchange over HTTP: who gets what, chains, forks, manifests, bad input."""

import asyncio
import json
from uuid import uuid4

import asyncpg
import httpx
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from services.shared.auth import Role
from tests.factories import gateway as make

pytestmark = pytest.mark.usefixtures("clean_database", "feeds")


async def test_public_gets_areas_and_rules_only(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/exchange/v1/datasets")).json()
    assert [item["dataset"] for item in listed["items"]] == ["areas", "restriction-rules"]
    assert {item["audience"] for item in listed["items"]} == {"public"}
    for dataset in (
        "enterprises",
        "vehicles",
        "visits",
        "permits",
        "loads",
        "waybills",
        "terminals",
        "nothing",
    ):
        for part in ("changes", "snapshot", "manifest"):
            assert (await api.get(f"/exchange/v1/{dataset}/{part}")).status_code == 404
    assert (await api.get("/exchange/v1/areas/changes")).status_code == 200


async def test_unknown_and_not_for_you_are_the_same_answer(api: httpx.AsyncClient) -> None:
    headers = {"X-Request-ID": "one"}
    hidden = await api.get("/exchange/v1/vehicles/changes", headers=headers)
    missing = await api.get("/exchange/v1/starships/changes", headers=headers)
    assert hidden.content.replace(b"vehicles", b"starships") == missing.content


@pytest.mark.parametrize(
    "role", [Role.province, Role.transport_bureau, Role.commerce_bureau, Role.postal_bureau]
)
async def test_province_and_bureaus_get_the_province_view(api: httpx.AsyncClient, role: Role) -> None:
    listed = (await api.get("/exchange/v1/datasets", headers=make.bearer(role))).json()["items"]
    assert [item["dataset"] for item in listed] == list(make.EVERY_DATASET)
    assert {item["audience"] for item in listed} == {"province"}


@pytest.mark.parametrize("role", [Role.enterprise, Role.police, Role.public])
async def test_other_roles_get_the_public_view(api: httpx.AsyncClient, role: Role) -> None:
    assert (await api.get("/exchange/v1/vehicles/changes", headers=make.bearer(role))).status_code == 404
    assert (await api.get("/exchange/v1/areas/changes", headers=make.bearer(role))).status_code == 200


async def test_a_bad_token_is_refused_not_taken_for_the_public(api: httpx.AsyncClient) -> None:
    headers = {"Authorization": make.bearer()["Authorization"][:-4] + "AAAA"}
    assert (await api.get("/exchange/v1/areas/changes", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=x", "limit=0", "limit=5001", "wait=31", "digest=zz", "feed_id=1", f"after={2**63}"],
)
async def test_bad_input_names_the_field(api: httpx.AsyncClient, query: str) -> None:
    answer = await api.get(f"/exchange/v1/areas/changes?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


async def test_snapshot_pages_then_changes(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    firm = make.enterprise()
    await feeds.say("enterprise", firm)
    unsaid: make.Json = {"standings": [], "grades": [], "member_from": None, "member_to": None}
    named = ("id", "name", "uscc", "kind", "status")
    expected = {firm["id"]: {**unsaid, **{name: firm[name] for name in named}}}
    for number in range(7):
        other = make.enterprise(name=f"第{number}家")
        await feeds.say("enterprise", other)
        expected[other["id"]] = {**unsaid, **{name: other[name] for name in named}}
    found: make.Json = {}
    cursor = None
    while True:
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = (
            await api.get("/exchange/v1/enterprises/snapshot", params=params, headers=make.bearer())
        ).json()
        found |= {item["id"]: item["state"] for item in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == expected
    assert make.rebuilt(await make.read_all(api, "enterprises", make.bearer())) == expected


async def test_manifest_is_signed_by_a_published_key(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    await feeds.say("area", make.area())
    manifest = (await api.get("/exchange/v1/areas/manifest")).json()
    (key,) = (await api.get("/exchange/v1/keys")).json()["keys"]
    assert "d" not in key
    signed = jws.deserialize_compact(manifest.pop("jws"), OKPKey.import_key(key), algorithms=["Ed25519"])
    assert json.loads(signed.payload) == manifest
    assert make.canonical(manifest) == signed.payload
    items = await make.read_all(api, "areas", {})
    assert (manifest["pos"], manifest["digest"]) == (items[-1]["pos"], items[-1]["digest"])
    assert manifest["entities"] == len(make.rebuilt(items))


async def test_forks_and_cuts_name_the_way_back(
    api: httpx.AsyncClient,
    feeds: make.Feeds,
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for _ in range(3):
        await feeds.say("area", make.area())
    page = (await api.get("/exchange/v1/areas/changes")).json()
    head, feed_id = page["head"], page["feed_id"]
    for params in (
        {"after": head, "feed_id": str(uuid4())},
        {"after": head + 1, "feed_id": feed_id},
        {"after": head, "feed_id": feed_id, "digest": "0" * 64},
    ):
        answer = await api.get("/exchange/v1/areas/changes", params=params)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (409, "feed-forked")
        assert answer.json()["snapshot"] == "/exchange/v1/areas/snapshot"
    digest = page["items"][1]["digest"]
    await superuser.execute(
        "UPDATE gateway.exchange_logs SET cut_pos = 2, cut_digest = decode($1, 'hex')"
        " WHERE dataset = 'areas' AND audience = 'public'",
        digest,
    )
    await superuser.execute("DELETE FROM gateway.exchange_changes WHERE dataset = 'areas' AND pos <= 2")
    gone = await api.get("/exchange/v1/areas/changes", params={"after": 1})
    assert (gone.status_code, gone.json()["snapshot"]) == (410, "/exchange/v1/areas/snapshot")
    at_cut = await api.get("/exchange/v1/areas/changes", params={"after": 2, "digest": digest})
    assert at_cut.json()["items"][0]["pos"] == 3


async def test_a_long_poll_answers_when_something_comes(api: httpx.AsyncClient, feeds: make.Feeds) -> None:
    url, headers = "/exchange/v1/enterprises/changes", make.bearer()
    head = (await api.get(url, headers=headers)).json()["head"]
    waiting = asyncio.create_task(api.get(url, params={"after": head, "wait": 20}, headers=headers))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    firm = make.enterprise()
    await feeds.say("enterprise", firm)
    async with asyncio.timeout(0.9):
        answer = await waiting
    assert [item["id"] for item in answer.json()["items"]] == [firm["id"]]
