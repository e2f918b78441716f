"""No party sees what is not its own: every route that names an entity, tried by a second enterprise.

The matrix is made from the routes themselves: a new route with an id in its path, a new list, or a new body
fails here until it is either tried or declared shared. The answer to another's id must be the very bytes of
the answer to an id that does not exist. Then the same with every `where` about ownership taken out: row-level
security alone. That this could fail is shown by the same request with the rows of the first enterprise let
through: it then is answered otherwise.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, nullcontext
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.shared.auth import Guard, Role
from tests.factories import places
from tests.journeys.tenancy_sides import SIDES, Json, Side
from tests.support.unfiltered import Stripped, nothing_kept, rows_of, without_ownership
from tests.test_architecture import all_routes, calls

SHARED = {
    ("registry", "/v1/areas/{area_id}"): "every party needs the shapes rules are about",
    ("registry", "/v1/facilities/{facility_id}"): "a public fact; its keepers alone change it",
    ("registry", "/v1/bays/{bay_id}"): "the same",
    ("registry", "/v1/chargers/{charger_id}"): "the same",
    ("registry", "/v1/import-templates/{entity}"): "an empty table, the same for everybody",
    ("permits", "/v1/restriction-rules/{rule_id}"): "every driver must know the rules",
}
"""Entities that everyone reads."""

NOT_AN_ENTITY = {
    (
        "telemetry",
        "/v1/position-tiles/{z}/{x}/{y}.mvt",
    ): "a tile's number; tried in tests/telemetry/api/test_tiles",
}
"""Paths whose parameters name nobody's."""

SHOWN_TABLES = {"facilities", "bays", "chargers"}
"""Tables of such entities that row-level security holds for writing alone."""

NOBODYS_LISTS = {
    ("registry", "/v1/areas"),
    ("registry", "/v1/facilities"),
    ("registry", "/v1/facility-counts"),
    ("registry", "/v1/bays"),
    ("registry", "/v1/chargers"),
    ("permits", "/v1/restriction-rules"),
    ("permits", "/v1/permit-types"),
}

ENDLESS = {
    ("telemetry", "/v1/position-stream"): "tried in tests/telemetry/api/test_streams, also without where"
}
"""Answers that do not end by themselves."""

NAMES_NOTHING = {
    ("matching", "/v1/loads"): "a load names places and goods",
    ("registry", "/v1/documents"): "a file; the firm in its query is tried in tests/registry",
    ("registry", "/v1/imports"): "a file; what its rows name is tried in tests/registry",
}
"""Bodies without anybody's id."""

SEARCHES = {("registry", "/v1/driver-searches")}
"""Bodies that name somebody by a value: whoever is another's is not found."""

REFUSED_AS_INVALID = {("registry", "/v1/operating-statements"): "evidence must be among the caller's own"}
"""Bodies whose names are looked up as evidence: 422, the same for another's and for none."""

ANSWERED = {**dict.fromkeys(SEARCHES, 200), **dict.fromkeys(REFUSED_AS_INVALID, 422)}
"""What they are answered; 404 elsewhere."""

ALSO_IN_CODE = {
    "POST /v1/vehicles": "an enterprise may name no owner but itself",
    "POST /v1/facilities": "an enterprise may name no operator but itself",
    "POST /v1/drivers": "the same",
    "POST /v1/tricycles": "the same",
    "POST /v1/terminals": "the owner of the terminal and the owner of the vehicle are compared",
    "POST /v1/terminal-batches": "the same",
    "POST /v1/alert-rules": "the owner of the rule and the owner of its vehicles are compared",
    "POST /v1/waybills/{waybill_id}/events": "an event is reported in the part a caller has in the waybill",
}
"""Routes that refuse even where row-level security lets the row through: the code compares, not only SQL."""

NOW = "2026-05-01T00:00:00.000Z"
_FACILITY = places.facility_update(places.own_facility_body())
_ENDING = {"on": "2024-09-01", "reason": "gone"}
BODIES: dict[str, Json] = {
    "PUT /v1/vehicles/{vehicle_id}": {"powertrain": "BEV", "payload_kg": 1000},
    "POST /v1/vehicles/{vehicle_id}/deregistration": {"reason": "sold"},
    "PUT /v1/facilities/{facility_id}": _FACILITY,
    "POST /v1/facilities/{facility_id}/construction-completion": {"on": "2024-05-01"},
    "POST /v1/facilities/{facility_id}/closure": {"on": "2024-05-01"},
    "PUT /v1/bays/{bay_id}": places.bay(),
    "POST /v1/bays/{bay_id}/retirement": _ENDING,
    "POST /v1/bays/{bay_id}/reinstatement": {"reason": "back"},
    "PUT /v1/chargers/{charger_id}": places.charger(),
    "POST /v1/chargers/{charger_id}/retirement": _ENDING,
    "POST /v1/chargers/{charger_id}/reinstatement": {"reason": "back"},
    "POST /v1/vehicles/{vehicle_id}/re-plating": {
        "plate_number": "辽L00001",
        "plate_color": 2,
        "reason": "x",
    },
    "PUT /v1/drivers/{driver_id}": {"licence_class": "C1", "licence_valid_from": "2021-01-01"},
    "POST /v1/drivers/{driver_id}/employment-end": {"reason": "left"},
    "POST /v1/drivers/{driver_id}/erasure": {"reason": "asked for", "requested_by": "subject"},
    "PUT /v1/tricycles/{tricycle_id}": {"brand": "x", "model": "x", "frame_number": "F1"},
    "POST /v1/tricycles/{tricycle_id}/rider": {"rider_id": None},
    "POST /v1/tricycles/{tricycle_id}/retirement": {"reason": "scrapped"},
    "PUT /v1/enterprises/{enterprise_id}": {"name": "x", "kind": "carrier"},
    "POST /v1/certificates/{certificate_id}/withdrawal": {"reason": "wrong"},
    "PUT /v1/alert-rules/{rule_id}": {"name": "x", "kind": "overspeed", "limit_kmh": 50},
    "POST /v1/terminals/{terminal_id}/bindings": {"vehicle_id": str(uuid4())},
    "POST /v1/terminals/{terminal_id}/commands": {"kind": "interval", "interval_s": 30},
    "POST /v1/permit-applications/{application_id}/withdrawal": {"reason": "changed plans"},
    "POST /v1/waybills/{waybill_id}/events": {"kind": "loaded", "at": NOW},
    "POST /v1/assessments/{assessment_id}/appeal": {"reason": "wrong figures"},
    "POST /v1/complaints/{complaint_id}/statement": {"text": "it was another van"},
}
"""Bodies that are well-formed, so that the id decides; `{}` elsewhere."""

Answer = tuple[int, str]


@pytest.fixture(scope="module")
async def sides(
    clean_database: None,  # noqa: ARG001
    database_urls: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[dict[str, Side]]:
    """Every service, with entities of a first enterprise and the token of a second."""
    async with AsyncExitStack() as stack:
        yield {
            name: await make(database_urls, tmp_path_factory.mktemp(name), stack)
            for name, make in SIDES.items()
        }


@pytest.fixture
def side(sides: dict[str, Side], service: str) -> Side:
    """One service of them."""
    return sides[service]


@pytest.fixture(params=["as built", "row-level security alone"])
def stripped(side: Side, request: pytest.FixtureRequest) -> Iterator[Stripped | None]:
    """The services as they are, and then without a `where` about ownership."""
    with nullcontext() if request.param == "as built" else without_ownership(side.stranger) as given:
        yield given


@pytest.fixture
def unfiltered(side: Side) -> Iterator[None]:
    """Neither the `where` nor row-level security hides the first enterprise's."""
    with without_ownership(side.stranger), rows_of(side.owner):
        yield


def open_to_enterprises(service: str, method: str, path: str, route: Any) -> bool:
    guards = [call for call in calls(route) if isinstance(call, Guard)]
    return (
        service in SIDES
        and path.startswith("/v1/")
        and any(Role.enterprise in guard.roles for guard in guards)
        and method in {"GET", "POST", "PUT", "PATCH", "DELETE"}
    )


OPEN = [each[:3] for each in all_routes() if open_to_enterprises(*each)]
ENTITIES = [
    each
    for each in OPEN
    if "{" in each[2]
    and (each[0], each[2]) not in NOT_AN_ENTITY
    and not (each[1] == "GET" and (each[0], each[2]) in SHARED)
]
LISTS = [
    (service, path)
    for service, method, path in OPEN
    if "{" not in path
    and method == "GET"
    and (service, path) not in NOBODYS_LISTS
    and (service, path) not in ENDLESS
]
NAMING = [
    (service, path)
    for service, method, path in OPEN
    if "{" not in path and method != "GET" and (service, path) not in NAMES_NOTHING
]


async def answers(side: Side, method: str, path: str) -> list[Answer]:
    """What the stranger is told of the first enterprise's entity, and of one that is not there."""
    collection = "/".join(path.split("/")[:3])
    assert collection in side.own, f"{path}: make one of the first enterprise's, or say why it is shared"
    body = None if method == "GET" else BODIES.get(f"{method} {path}", {})
    found = []
    for ids in (side.own[collection], {name: str(uuid4()) for name in side.own[collection]}):
        answer = await side.client.request(
            method, path.format(**ids), headers={**side.headers, "X-Request-ID": "s1"}, json=body
        )
        text = answer.content.decode()
        for name, value in ids.items():
            text = text.replace(value, name)
        found.append((answer.status_code, text))
    return found


async def answers_to_bodies(side: Side, path: str) -> list[Answer]:
    """The same of a body that names one."""
    assert path in side.named, f"{path}: say what a body names, or that it names nothing"
    headers = {**side.headers, "X-Request-ID": "s1"}
    bodies = (side.named[path].foreign, side.named[path].missing)
    found = [await side.client.post(path, headers=headers, json=body) for body in bodies]
    return [(answer.status_code, answer.text) for answer in found]


async def listed(side: Side, path: str, query: Json | None) -> Answer:
    answer = await side.client.get(path, params=query, headers={**side.headers, "X-Request-ID": "s1"})
    return answer.status_code, answer.text


def own_values(side: Side) -> list[str]:
    return [str(side.owner), *(value for ids in side.own.values() for value in ids.values())]


@pytest.mark.parametrize(("service", "method", "path"), ENTITIES)
async def test_anothers_entity_is_not_there(
    side: Side, stripped: Stripped | None, method: str, path: str
) -> None:
    anothers, missing = await answers(side, method, path)
    assert anothers[0] == 404, anothers
    assert anothers == missing
    assert stripped is None or stripped.conditions >= 2, "no condition about ownership in either request"


@pytest.mark.parametrize(("service", "method", "path"), ENTITIES)
@pytest.mark.usefixtures("unfiltered")
async def test_entities_are_hidden_by_nothing_else(side: Side, method: str, path: str) -> None:
    with nullcontext() if method == "GET" else nothing_kept():
        anothers, missing = await answers(side, method, path)
    assert missing[0] == 404
    assert anothers[0] < 500, anothers
    assert (anothers == missing) is (f"{method} {path}" in ALSO_IN_CODE), anothers


@pytest.mark.parametrize(("service", "path"), NAMING)
async def test_naming_anothers_is_naming_nothing(
    side: Side, stripped: Stripped | None, service: str, path: str
) -> None:
    anothers, missing = await answers_to_bodies(side, path)
    assert anothers[0] == ANSWERED.get((service, path), 404), anothers
    assert anothers == missing
    assert stripped is None or stripped.conditions >= 2 or f"POST {path}" in ALSO_IN_CODE


@pytest.mark.parametrize(("service", "path"), NAMING)
@pytest.mark.usefixtures("unfiltered")
async def test_what_is_named_is_hidden_by_nothing_else(side: Side, service: str, path: str) -> None:
    with nullcontext() if (service, path) in SEARCHES else nothing_kept():
        anothers, missing = await answers_to_bodies(side, path)
    assert anothers[0] < 500, anothers
    assert (anothers == missing) is (f"POST {path}" in ALSO_IN_CODE), anothers


@pytest.mark.parametrize(("service", "path"), LISTS)
async def test_lists_hold_nothing_of_anothers(side: Side, stripped: Stripped | None, path: str) -> None:
    query = side.queries.get(path)
    if query is not None:
        missing = {name: str(uuid4()) if _is_id(value) else value for name, value in query.items()}
        assert await listed(side, path, query) == await listed(side, path, missing)
    for asked in (query, None):
        status, text = await listed(side, path, asked)
        assert status in ({200, 404} if asked == query else {200, 422}), text
        assert not [value for value in own_values(side) if value in text]
    assert stripped is None or stripped.conditions >= 1, "no condition about ownership"


@pytest.mark.parametrize(("service", "path"), LISTS)
@pytest.mark.usefixtures("unfiltered")
async def test_lists_are_emptied_by_nothing_else(side: Side, path: str) -> None:
    status, text = await listed(side, path, side.queries.get(path))
    assert status in {200, 409}, text
    assert status == 409 or [value for value in own_values(side) if value in text], text


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("service", SIDES)
async def test_the_tables_show_anothers_rows_to_nobody_else(
    side: Side, database_urls: dict[str, str], service: str
) -> None:
    connection = await asyncpg.connect(database_urls[f"{service}_api"])
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relrowsecurity"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL ($2)",
            service,
            SHOWN_TABLES,
        )
        ids = [value for own in side.own.values() for value in own.values()]
        seen = {}
        for who in (side.owner, side.stranger):
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('app.role', 'enterprise', true),"
                    " set_config('app.enterprise_id', $1, true)",
                    str(who),
                )
                seen[who] = [
                    await connection.fetchval(
                        f"SELECT count(*) FROM {service}.{table['relname']} AS t"  # noqa: S608 - names of the catalogue
                        " WHERE EXISTS (SELECT FROM unnest($1::text[]) AS id WHERE strpos(t::text, id) > 0)",
                        ids,
                    )
                    for table in tables
                ]
        assert sum(seen[side.owner]) > 0
        names = [table["relname"] for table in tables]
        assert sum(seen[side.stranger]) == 0, dict(zip(names, seen[side.stranger], strict=True))
    finally:
        await connection.close()
