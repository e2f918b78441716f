"""`/v1/search-results`: fragments of plates, names and USCCs, each caller's own only, against brute force."""

import itertools
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.registry.domain.search import fold_fragment
from services.shared.auth import Role
from services.shared.db import Database, DbScope
from tests.factories import registry as make

PATH = "/v1/search-results"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = dict[str, Any]

pytestmark = pytest.mark.usefixtures("clean_database")


async def find(api: httpx.AsyncClient, headers: dict[str, str], q: str, **query: Any) -> list[Row]:
    """Every result, page by page."""
    found: list[Row] = []
    cursor = None
    for _ in range(1000):
        asked = {"q": q, **query, **({"cursor": cursor} if cursor else {})}
        answer = await api.get(PATH, params=asked, headers=headers)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found
    pytest.fail("the pages do not end")


async def plates(api: httpx.AsyncClient, headers: dict[str, str], q: str) -> set[str]:
    return {row["plate_number"] for row in await find(api, headers, q, found="vehicle")}


async def test_a_plate_however_it_is_written(api: httpx.AsyncClient, firm: make.Firm) -> None:
    await make.register(api, firm, plate_number="辽LD81234", plate_color=94)
    for q in ("LD81234", "ld812", "ＬＤ８１２", "辽L·D81", "l d-8 1 2", "81234", "辽LD8", "34"):
        for headers in (firm.headers, make.official()):
            assert "辽LD81234" in await plates(api, headers, q), q
    for q in ("LD81235", "D1234", "4辽L", "辽·吉"):
        assert "辽LD81234" not in await plates(api, make.official(), q), q


_fresh = itertools.count(1000)


async def test_a_name_or_code_by_two_characters(api: httpx.AsyncClient, superuser: Connection) -> None:
    firm = await make.admit_firm(api)
    await superuser.execute(
        "UPDATE registry.enterprises SET name = '盘锦顺達（集团）Lian-Chuang 物流有限公司' WHERE id = $1",
        firm.id,
    )
    for q in (
        "顺達",
        "達(集",
        "（集团）",
        "lianchuang",
        "ＬＩＡＮ",
        "g物流",
        firm.uscc[:10],
        firm.uscc.lower(),
    ):
        for headers in (firm.headers, make.official()):
            found = await find(api, headers, q, found="enterprise")
            assert str(firm.id) in {row["id"] for row in found}, q
    assert await find(api, firm.headers, "達集", found="enterprise") == []


async def test_a_result_says_what_it_is(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm)
    (found,) = await find(api, firm.headers, vehicle["plate_number"])
    assert found == {
        "found": "vehicle",
        **{
            name: vehicle[name]
            for name in (
                "id",
                "enterprise_id",
                "plate_number",
                "plate_color",
                "vehicle_type",
                "valid_from",
                "valid_to",
            )
        },
    }
    (itself,) = await find(api, firm.headers, firm.uscc)
    assert (itself["found"], itself["id"], itself["uscc"]) == ("enterprise", str(firm.id), firm.uscc)
    assert (itself["kind"], itself["status"]) == ("carrier", "active")


async def test_a_past_registration_is_found(api: httpx.AsyncClient, firm: make.Firm) -> None:
    vehicle = await make.register(api, firm, valid_from="2025-01-01T00:00:00Z")
    ended = await api.post(
        f"/v1/vehicles/{vehicle['id']}/deregistration", json={"reason": "x"}, headers=firm.headers
    )
    assert ended.status_code == 200, ended.text
    again = await make.register(api, firm, plate_number=vehicle["plate_number"])
    found = await find(api, firm.headers, vehicle["plate_number"][1:])
    assert [row["id"] for row in found] == [vehicle["id"], again["id"]]
    assert [row["valid_to"] is None for row in found] == [False, True]


async def test_a_firm_finds_only_its_own(api: httpx.AsyncClient, firm: make.Firm) -> None:
    other = await make.admit_firm(api)
    theirs = await make.register(api, other)
    ours = await make.register(api, firm)
    assert await plates(api, firm.headers, "辽L") == {ours["plate_number"]}
    assert await find(api, firm.headers, theirs["plate_number"]) == []
    assert await find(api, firm.headers, other.uscc) == []
    assert {theirs["plate_number"], ours["plate_number"]} <= await plates(api, make.official(), "辽L")


@pytest.fixture
async def database(database_urls: dict[str, str]) -> Any:
    """The registry's database as the API's role sees it."""
    found = Database(database_urls["registry_api"], pool_size=1)
    yield found
    await found.close()


async def test_the_functions_themselves_show_nobody_anothers(
    api: httpx.AsyncClient, firm: make.Firm, database: Database
) -> None:
    vehicle = await make.register(api, firm)
    other = await make.admit_firm(api)
    ids = {"vehicles": UUID(vehicle["id"]), "enterprises": firm.id}
    seen = {
        DbScope("enterprise", str(firm.id)): True,
        DbScope("transport_bureau"): True,
        DbScope("enterprise", str(other.id)): False,
        DbScope("enterprise"): False,
        DbScope("police"): False,
        DbScope("public"): False,
        DbScope(): False,
    }
    fragments = {"vehicles": vehicle["plate_number"], "enterprises": firm.uscc}
    for (table, fragment), named in itertools.product(fragments.items(), (None, firm.id)):
        for scope, expected in seen.items():
            async with database.acquire(scope, readonly=True) as connection:
                rows = await connection.fetch(
                    f"SELECT registry.find_{table}($1, $2, $3, 1000)",
                    fragment,
                    named,
                    UUID(int=0),
                )
            assert (ids[table] in {row[0] for row in rows}) is expected, (table, scope, named)


async def test_the_functions_are_the_apis_alone(superuser: Connection) -> None:
    rows = await superuser.fetch(
        "SELECT p.proname, p.prosecdef, p.proconfig, pg_get_userbyid(p.proowner) AS owner,"
        " ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'registry\\_%'"
        "   AND has_function_privilege(oid, p.oid, 'EXECUTE') ORDER BY 1) AS callers,"
        " has_function_privilege('telemetry_api', p.oid, 'EXECUTE') AS others"
        " FROM pg_proc AS p WHERE p.pronamespace = 'registry'::regnamespace AND p.proname LIKE 'find\\_%'"
    )
    assert {row["proname"] for row in rows} == {"find_vehicles", "find_enterprises"}
    for row in rows:
        assert row["prosecdef"]
        assert row["owner"] == "registry_owner"
        assert row["proconfig"] == ["search_path=pg_catalog, pg_temp"]
        assert row["callers"] == ["registry_api", "registry_owner"]
        assert not row["others"]


CHARACTERS = "盘锦顺达物流ＡａA1１2（(-·. %_\\'有"
NAMES = st.text(st.sampled_from(CHARACTERS), min_size=1, max_size=12).filter(lambda name: name.strip())
PLATES = st.from_regex("[辽吉][AL][DFA0-1]{2}[0-1]{3}[0-1挂学]?", fullmatch=True)
FRAGMENTS = st.text(st.sampled_from(CHARACTERS), min_size=2, max_size=4) | st.text(
    st.sampled_from("辽吉ALDF01挂学"), min_size=2, max_size=5
)


async def fill(superuser: Connection, firms: list[tuple[str, list[str]]]) -> list[Row]:
    """Firms and vehicles straight into the tables: the search is what is tested."""
    rows: list[Row] = []
    for name, numbers in firms:
        firm, code = uuid4(), make.uscc()
        await superuser.execute(
            "INSERT INTO registry.enterprises (id, name, uscc, kind, status, standing_reason, standing_since,"
            " is_demo, version, created_at, updated_at)"
            " VALUES ($1, $2, $3, 'carrier', 'active', '', now(), false, 1, now(), now())",
            firm,
            name,
            code,
        )
        rows.append({"id": firm, "owner": firm, "texts": [fold_fragment(name), code]})
        for number in numbers:
            vehicle = uuid4()
            await superuser.execute(
                "INSERT INTO registry.vehicles (id, enterprise_id, plate_number, plate_color, valid_from,"
                " powertrain, payload_kg, refrigeration, is_demo, version, created_at, updated_at)"
                " VALUES ($1, $2, $3, $4, now(), 'BEV', 1, 'none',"
                " false, 1, now(), now())",
                vehicle,
                firm,
                number,
                next(_fresh),
            )
            rows.append({"id": vehicle, "owner": firm, "texts": [number]})
    return rows


@given(
    st.lists(st.tuples(NAMES, st.lists(PLATES, max_size=6)), min_size=1, max_size=5),
    st.lists(FRAGMENTS, min_size=1, max_size=8),
    st.integers(1, 4),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_the_same_as_looking_at_everything(
    api: httpx.AsyncClient,
    superuser: Connection,
    firms: list[tuple[str, list[str]]],
    fragments: list[str],
    limit: int,
) -> None:
    await superuser.execute("TRUNCATE registry.vehicles, registry.enterprises CASCADE")
    await fill(superuser, firms)
    kept = await superuser.fetch(
        "SELECT 'enterprise' AS found, id, id AS owner, name, uscc FROM registry.enterprises"
        " UNION ALL SELECT 'vehicle', id, enterprise_id, plate_number, '' FROM registry.vehicles"
    )
    owner = kept[0]["owner"]
    for given_text in fragments:
        fragment = fold_fragment(given_text)
        if len(fragment) < 2:
            continue
        hits = [
            (row["found"], str(row["id"]), row["owner"])
            for row in kept
            if fragment in fold_fragment(row["name"]) or fragment in row["uscc"]
        ]
        for headers, expected in (
            (make.official(), sorted(hit[:2] for hit in hits)),
            (make.firm_headers(owner), sorted(hit[:2] for hit in hits if hit[2] == owner)),
        ):
            found = await find(api, headers, given_text, limit=limit)
            assert [(row["found"], row["id"]) for row in found] == expected, given_text


async def test_many_matches_are_paged_whole(api: httpx.AsyncClient, superuser: Connection) -> None:
    """Dense fragments are found without the index, rare ones with it: both in full, in order."""
    await superuser.execute("TRUNCATE registry.vehicles, registry.enterprises CASCADE")
    numbers = [f"辽L{n:05d}" for n in range(3000)]
    await fill(superuser, [("甲", numbers)])
    everyone = await find(api, make.official(), "辽L", limit=200)
    assert [row["id"] for row in everyone] == sorted(row["id"] for row in everyone)
    assert {row["plate_number"] for row in everyone} == set(numbers)
    for fragment in ("029", "77", "L02999", "L0299"):
        expected = {number for number in numbers if fragment in number}
        assert await plates(api, make.official(), fragment) == expected


async def test_the_indexes_can_serve_under_row_level_security(database_urls: dict[str, str]) -> None:
    owner = await asyncpg.connect(database_urls["registry_owner"])
    await owner.execute("SET enable_seqscan = off")
    for table, key, sought in (
        ("vehicles", "plate_number", "%L02%"),
        ("enterprises", "search_key", "%顺顺达达%"),
    ):
        plan = await owner.fetch(f"EXPLAIN SELECT id FROM registry.{table} WHERE {key} LIKE '{sought}'")  # noqa: S608 - names of this test
        assert f"Bitmap Index Scan on ix_{table}_{key}" in str(plan)
    grams = await owner.fetchval("SELECT public.show_trgm('顺顺达达')")
    assert len(grams) == 5, "the locale of the cluster knows no Chinese letters"
    await owner.close()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "query.q"),
        ("q=", "query.q"),
        ("q=A", "query.q"),
        ("q=%20%20-", "query.q"),
        ("q=A-", "query.q"),
        ("q=" + "x" * 65, "query.q"),
        ("q=%00A1", "query.q"),
        ("q=AB&found=driver", "query.found"),
        ("q=AB&limit=0", "query.limit"),
        ("q=AB&limit=201", "query.limit"),
        ("q=AB&cursor=AAAA", "query.cursor"),
        ("q=AB&cursor=WyJ4IiwgIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJd", "query.cursor"),
        ("q=AB&kind=vehicle", "query.kind"),
    ],
)
async def test_a_malformed_search_is_refused(api: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await api.get(f"{PATH}?{query}", headers=make.official())
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}


async def test_the_database_folds_as_the_service_does(superuser: Connection) -> None:
    rows = await superuser.fetch(
        "SELECT chr(code) AS char, registry.firm_key(chr(code), 'X') AS key"
        " FROM (SELECT generate_series(1, 12543) UNION ALL SELECT generate_series(65281, 65519)) AS c(code)"
    )
    differ = [row["char"] for row in rows if row["key"] != fold_fragment(row["char"]) * 2 + "  XX"]
    assert differ == []


async def test_only_parties_search(api: httpx.AsyncClient) -> None:
    assert (await api.get(f"{PATH}?q=AB")).status_code == 401
    for role in ("police", "province", "public"):
        answer = await api.get(f"{PATH}?q=AB", headers=make.office_client(Role(role)))
        assert answer.status_code == 403
