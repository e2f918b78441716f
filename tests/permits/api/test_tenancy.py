"""One firm sees nothing of another's: by the `where`, and by row-level security alone."""

from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import true

from services.permits.models import CHECK_LOG
from services.permits.queries import permits
from services.shared.audit.log import log_reader
from services.shared.db import Database, DbScope
from services.shared.ids import new_id
from tests.factories import permits as make


@pytest.fixture(params=["where and RLS", "RLS alone"])
def filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "RLS alone":
        monkeypatch.setattr(permits, "_seen_by", lambda _who, _owner: true())
        monkeypatch.setattr(DbScope, "own", lambda _scope: None)


@pytest.mark.usefixtures("filters")
async def test_what_is_anothers_is_byte_equal_to_what_is_not(
    api: httpx.AsyncClient, registry: make.Registry
) -> None:
    firm, rival = await registry.enterprise(), await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    kind = await make.make_type(api)
    permit = await make.grant(api, van, area.id, kind)
    open_application = await make.apply(api, van, area.id, kind)
    headers = {**make.firm_headers(rival.id), "X-Request-Id": "same"}
    missing = str(new_id())
    paths = [
        ("GET", "/v1/permits/{id}", permit["id"], None),
        ("GET", "/v1/permit-applications/{id}", open_application["id"], None),
        ("POST", "/v1/permit-applications/{id}/withdrawal", open_application["id"], {"reason": "x"}),
    ]
    for method, path, foreign, body in paths:
        texts = []
        for entity in (foreign, missing):
            answer = await api.request(method, path.format(id=entity), json=body, headers=headers)
            assert answer.status_code == 404
            texts.append(answer.text.replace(entity, "{id}"))
        assert texts[0] == texts[1], path
    for path in ("/v1/permits", "/v1/permit-applications"):
        assert (await api.get(path, headers=headers)).json()["items"] == []
    texts = []
    for vehicle_id in (str(van.id), missing):
        body = make.application_body(van.id, area.id, kind, vehicle_id=vehicle_id)
        answer = await api.post("/v1/permit-applications", json=body, headers=headers)
        assert answer.status_code == 404
        texts.append(answer.text)
    assert texts[0] == texts[1]
    question = {"plate_number": van.plate_number, "plate_color": 2, "lon": 1.0, "lat": 1.0}
    assert (await api.post("/v1/checks", json=question, headers=headers)).status_code == 404
    own = {**headers, **make.firm_headers(firm.id)}
    assert (await api.get(f"/v1/permits/{permit['id']}", headers=own)).status_code == 200
    assert (await api.post("/v1/checks", json=question, headers=own)).status_code == 200


async def test_what_the_api_role_may_not_write_even_with_a_scope(
    database_urls: dict[str, str], api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    permit = await make.grant(api, van, area.id, await make.make_type(api))
    await superuser.execute("UPDATE permits.permits SET status = 'suspended' WHERE id = $1", permit["id"])
    own = DbScope("enterprise", str(firm.id))
    police = DbScope("police")
    copies = ("enterprises", "enterprise_standings", "vehicles", "areas", "area_versions")
    refused = [
        *((police, f"DELETE FROM permits.{table}") for table in copies),  # noqa: S608 - names of our own
        *((police, f"INSERT INTO permits.{table} SELECT * FROM permits.{table}") for table in copies),  # noqa: S608 - the same
        (police, "UPDATE permits.enterprises SET status = 'active'"),
        (police, "UPDATE permits.enterprise_standings SET status = 'active'"),
        (police, "UPDATE permits.areas SET kind = kind"),
        (police, "UPDATE permits.area_versions SET valid_to = NULL"),
        (police, "UPDATE permits.vehicles SET valid_to = NULL"),
        (police, "UPDATE permits.vehicles SET id = id"),
        (own, "UPDATE permits.permit_applications SET status = 'approved'"),
        (own, "INSERT INTO permits.permits SELECT * FROM permits.permits"),
    ]
    silent = [
        (own, "UPDATE permits.permits SET status = 'active'"),
        (own, "DELETE FROM permits.permits"),
        (own, "DELETE FROM permits.permit_applications"),
        (own, "UPDATE permits.vehicles SET id = id"),
        (DbScope("transport_bureau"), "UPDATE permits.permits SET status = 'active'"),
    ]
    database = Database(database_urls["permits_api"])
    try:
        for scope, statement in refused:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.acquire(scope) as connection:
                    await connection.execute(statement)
        for scope, statement in silent:
            async with database.acquire(scope) as connection:
                assert (await connection.execute(statement)).endswith(" 0"), statement
    finally:
        await database.close()


async def test_without_a_scope_nothing_is_seen_and_the_log_cannot_be_changed(
    database_urls: dict[str, str], api: httpx.AsyncClient, registry: make.Registry, superuser: Any
) -> None:
    firm = await registry.enterprise()
    van = await registry.vehicle(firm.id)
    area = await registry.area()
    await make.grant(api, van, area.id, await make.make_type(api))
    await make.check(api, van, {"lon": 1.0, "lat": 1.0})
    database = Database(database_urls["permits_api"])
    try:
        async with database.acquire() as connection:
            for table in (
                "permits",
                "permit_applications",
                "vehicles",
                "enterprises",
                "enterprise_standings",
                "check_log",
            ):
                count = f"SELECT count(*) FROM permits.{table}"  # noqa: S608 - names of our own
                assert await superuser.fetchval(count) > 0
                assert await connection.fetchval(count) == 0, table
        for statement in ("UPDATE permits.check_log SET pos = pos", "DELETE FROM permits.check_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with database.acquire(log_reader(CHECK_LOG)) as connection:
                    await connection.execute(statement)
    finally:
        await database.close()
