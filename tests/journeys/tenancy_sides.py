"""One service each, with what a first enterprise has there and the token of a second one."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx

from services.registry.main import create_app as create_registry
from services.shared.auth import Role
from services.shared.db import Database
from tests.factories import imports, matching, people, permits, places, registry, supervision, telemetry

Json = dict[str, Any]


@dataclass(frozen=True)
class Named:
    """A body that names something of the first enterprise's, and the same with something there is not."""

    foreign: Json
    missing: Json


@dataclass
class Side:
    """One service with what the first enterprise has there, and the second one's token."""

    client: httpx.AsyncClient
    owner: UUID
    stranger: UUID
    headers: dict[str, str]
    own: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path of a resource → its parameters with the first enterprise's ids."""
    queries: dict[str, Json] = field(default_factory=dict)
    """List → a query that names something of the first enterprise's."""
    named: dict[str, Named] = field(default_factory=dict)
    """POST without an id in its path → a body, and what in it is the first enterprise's."""


async def _made(client: httpx.AsyncClient, path: str, body: Json, headers: dict[str, str]) -> Json:
    answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def _supervised(
    client: httpx.AsyncClient, firm: registry.Firm, vehicle: Json
) -> dict[str, dict[str, str]]:
    """A statement of the firm, its published assessment, a complaint that was put to it."""
    statement = await supervision.submit(client, firm, "2025-07")
    assessment = await supervision.receive(client, firm)
    await supervision.publish(client, assessment)
    plate = {"plate_number": vehicle["plate_number"], "plate_color": vehicle["plate_color"]}
    complaint = f"/v1/complaints/{(await supervision.complain(client, **plate))['id']}"
    about = {"enterprise_id": str(firm.id)}
    await client.post(f"{complaint}/acceptance", json=about, headers=registry.official())
    asked = await client.post(
        f"{complaint}/statement-request", json={"text": "x"}, headers=registry.official()
    )
    assert asked.status_code == 200, asked.text
    return {
        "/v1/operating-statements": {"statement_id": statement["id"]},
        "/v1/assessments": {"assessment_id": assessment},
        "/v1/complaints": {"complaint_id": asked.json()["id"]},
    }


async def _import(client: httpx.AsyncClient, urls: dict[str, str], firm: registry.Firm) -> str:
    """A file of a firm's, checked and not applied."""
    desk = imports.desk(client, urls["registry_worker"])
    checked = await desk.check(imports.csv_of([imports.vehicle_row()]), firm.headers)
    await desk.database.close()
    return str(checked["id"])


async def registry_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    app = create_registry(registry.api_settings(urls, directory))
    client = await stack.enter_async_context(registry.running(app))
    first, second = await registry.admit_firm(client), await registry.admit_firm(client)
    vehicle = await registry.register(client, first)
    facility = await places.create_facility(client, first.headers, places.own_facility_body())
    (bay,) = await places.create_bays(client, first.headers, facility["id"], places.bay())
    (charger,) = await places.create_chargers(client, first.headers, facility["id"], places.charger())
    of = {"holder_kind": "vehicle", "kind": "insurance"}
    certificate = await _made(client, "/v1/certificates", {**of, "holder_id": vehicle["id"]}, first.headers)
    group = {"subject_kind": "vehicle", "subject_id": vehicle["id"], "field_group": "technical"}
    checked = {**group, "level": "document_checked", "source": "x"}
    own = {
        "/v1/enterprises": {"enterprise_id": str(first.id)},
        "/v1/vehicles": {"vehicle_id": vehicle["id"]},
        "/v1/documents": {"document_id": (await registry.upload(client, first)).json()["id"]},
        "/v1/certificates": {"certificate_id": certificate["id"]},
        "/v1/facilities": {"facility_id": facility["id"]},
        "/v1/bays": {"bay_id": bay["id"]},
        "/v1/chargers": {"charger_id": charger["id"]},
        "/v1/imports": {"import_id": await _import(client, urls, first)},
        **await _supervised(client, first, vehicle),
    }
    await _made(client, "/v1/verifications", checked, registry.official())
    side = Side(client, first.id, second.id, second.headers, own)
    side.queries = {
        "/v1/vehicles": {"plate_number": vehicle["plate_number"], "enterprise_id": str(first.id)},
        "/v1/exports": {"entity": "vehicles", "enterprise_id": str(first.id)},
        "/v1/documents": {"enterprise_id": str(first.id)},
        "/v1/certificates": {"enterprise_id": str(first.id), "holder_id": vehicle["id"]},
        "/v1/verifications": {"subject_id": vehicle["id"]},
        "/v1/search-results": {"q": vehicle["plate_number"]},
    }
    side.named["/v1/certificates"] = Named(
        {**of, "holder_id": vehicle["id"]}, {**of, "holder_id": str(uuid4())}
    )
    statement = supervision.statement_body("2025-06")
    side.named["/v1/operating-statements"] = Named(
        {**statement, "document_ids": [own["/v1/documents"]["document_id"]]},
        {**statement, "document_ids": [str(uuid4())]},
    )
    body = registry.vehicle_body()
    side.named["/v1/vehicles"] = Named(
        {**body, "enterprise_id": str(first.id)}, {**body, "enterprise_id": str(uuid4())}
    )
    site = places.own_facility_body()
    side.named["/v1/facilities"] = Named(
        {**site, "enterprise_id": str(first.id)}, {**site, "enterprise_id": str(uuid4())}
    )
    for path, item in (("/v1/bays", places.bay()), ("/v1/chargers", places.charger())):
        side.named[path] = Named(
            *({"facility_id": named, "items": [item]} for named in (facility["id"], str(uuid4())))
        )
    await _add_people(side, first, second)
    return side


async def _add_people(side: Side, first: registry.Firm, second: registry.Firm) -> None:
    """A driver read about, another one erased, a tricycle; the stranger may read its own people's values."""
    client, number = side.client, people.id_number()
    driver = await people.driver(client, first, id_number=number)
    erased = await people.driver(client, first)
    tricycle = await people.tricycle(client, first)
    assert (await people.read_values(client, driver["id"], people.reader())).status_code == 201
    erasure = {"reason": "本人申请删除", "requested_by": "subject"}
    await _made(client, f"/v1/drivers/{erased['id']}/erasure", erasure, first.headers)
    side.headers = await people.firm_reader(client, second)
    side.own["/v1/drivers"] = {"driver_id": driver["id"]}
    side.own["/v1/tricycles"] = {"tricycle_id": tricycle["id"]}
    of_firm = {"enterprise_id": str(first.id)}
    side.queries["/v1/drivers"] = of_firm
    side.queries["/v1/tricycles"] = of_firm
    side.queries["/v1/personal-readings"] = {"subject_id": driver["id"]}
    side.queries["/v1/erasures"] = {"subject_id": erased["id"]}
    nobodys = {"enterprise_id": str(uuid4())}
    for path, body in (("/v1/drivers", people.driver_body()), ("/v1/tricycles", people.tricycle_body())):
        side.named[path] = Named({**body, **of_firm}, {**body, **nobodys})
    side.named["/v1/driver-searches"] = Named({"id_number": number}, {"id_number": people.id_number()})
    reading = {"subject_kind": "driver", "fields": ["name"], "purpose": "核实身份"}
    side.named["/v1/personal-readings"] = Named(
        {**reading, "subject_id": driver["id"]}, {**reading, "subject_id": str(uuid4())}
    )


_DAY = "2026-05-01"
_QUARANTINED = 730_593_518_264_907
"""A number that stands nowhere by chance."""
_RECORDS = f"""
SELECT telemetry.make_position_partitions('{_DAY}', '{_DAY}');
UPDATE telemetry.terminal_bindings SET valid_from = '{_DAY}Z' WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.positions (terminal_key, time, content_hash, lon, lat, cell, received_at)
  SELECT terminal_key, '{_DAY} 01:00Z', 1, 122, 41, 1, now() FROM telemetry.terminals WHERE id = '{{0}}';
INSERT INTO telemetry.latest_positions
  (terminal_key, time, content_hash, lon, lat, cell, received_at, revision)
  SELECT terminal_key, time, 1, 122, 41, 1, now(), 1 FROM telemetry.positions;
INSERT INTO telemetry.visits (id, vehicle_id, enterprise_id, area_id, entered_at, status)
  SELECT gen_random_uuid(), vehicle_id, enterprise_id, gen_random_uuid(), '{_DAY} 01:00Z', 'open'
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.trips (id, vehicle_id, enterprise_id, started_at, start_lon, start_lat, end_lon,
    end_lat, length_mm, loaded_mm, empty_mm, moving_ms, idle_ms, stops, status)
  SELECT gen_random_uuid(), vehicle_id, enterprise_id, '{_DAY} 01:00Z', 1, 2, 3, 4, 5, 0, 0, 6, 0, '[]',
    'open'
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.daily_mileages (id, vehicle_id, enterprise_id, day, fixes, jumps, length_mm, loaded_mm,
    empty_mm, moving_ms, idle_ms, is_working_day, status)
  SELECT gen_random_uuid(), vehicle_id, enterprise_id, '{_DAY}', 1, 0, 5, 0, 0, 6, 0, false, 'open'
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.track_aggregates (vehicle_id, time, enterprise_id, fixes, jumps, first_at, first_lon,
    first_lat, last_at, last_lon, last_lat, mean_lon, mean_lat, length_mm, moving_ms)
  SELECT vehicle_id, '{_DAY} 01:00Z', enterprise_id, 1, 0, '{_DAY} 01:00Z', 1, 2, '{_DAY} 01:00Z', 1, 2, 1, 2,
    0, 0
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.legal_holds (id, vehicle_id, starts_at, reason, owner_role, placed_at, placed_by,
    placed_by_name)
  SELECT gen_random_uuid(), vehicle_id, '{_DAY}Z', 'x', 'police', now(), 'x', 'x'
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.alerts (id, vehicle_id, enterprise_id, kind, severity, for_offices, started_at, status)
  SELECT terminal_id, vehicle_id, enterprise_id, 'silence', 'info', false, '{_DAY} 01:00Z', 'open'
  FROM telemetry.terminal_bindings WHERE terminal_id = '{{0}}';
INSERT INTO telemetry.quarantined_positions
  (id, digest, terminal_number, enterprise_id, reason, detail, raw, first_received_at, last_received_at)
  SELECT {_QUARANTINED}, 'x', terminal_number, enterprise_id, 'test', '', '', now(), now()
  FROM telemetry.terminals WHERE id = '{{0}}';
INSERT INTO telemetry.terminal_health
  (terminal_key, heard_at, minutes, minute_delays_ms, hours, hour_delays_ms)
  SELECT terminal_key, now(), '{{{{}}}}', '{{{{}}}}', '{{{{}}}}', '{{{{}}}}' FROM telemetry.terminals
  WHERE id = '{{0}}';
INSERT INTO telemetry.ingest_accounting
  SELECT terminal_number, CURRENT_DATE, enterprise_id, 1, 1, 0, 0 FROM telemetry.terminals WHERE id = '{{0}}';
"""  # noqa: S608 - a constant day
"""One row of the first enterprise's terminal in each table that only the worker's processes write."""


async def telemetry_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    client = await stack.enter_async_context(telemetry.api(urls, directory, activation_timeout_s=0.05))
    superuser = await asyncpg.connect(urls["superuser"])
    first, second = await telemetry.add_enterprise(superuser), await telemetry.add_enterprise(superuser)
    vehicle = await telemetry.add_vehicle(superuser, first)
    body = {"terminal_number": f"S1-{first.hex[:12]}", "vehicle_id": str(vehicle)}
    await client.post("/v1/terminals", json=body, headers=telemetry.headers(enterprise_id=first))
    listed = (await client.get("/v1/terminals", headers=telemetry.headers(enterprise_id=first))).json()
    (terminal,) = listed["items"]
    command = await _made(
        client,
        f"/v1/terminals/{terminal['id']}/commands",
        {"kind": "interval", "interval_s": 30},
        telemetry.headers(enterprise_id=first),
    )
    mine = telemetry.headers(enterprise_id=first)
    limit = {"name": "S1", "kind": "overspeed", "limit_kmh": 60}
    rule = await _made(client, "/v1/alert-rules", limit, mine)
    own = {
        "/v1/alerts": {"alert_id": terminal["id"]},
        "/v1/alert-rules": {"rule_id": rule["id"]},
        "/v1/terminals": {
            "terminal_id": terminal["id"],
            "binding_id": terminal["bindings"][0]["id"],
            "command_id": command["id"],
            "terminal_number": terminal["terminal_number"],
            "vehicle_id": str(vehicle),
        },
    }
    await superuser.execute(_RECORDS.format(terminal["id"]))
    await superuser.execute("UPDATE telemetry.latest_positions SET time = now(), received_at = now()")
    await superuser.close()
    own["/v1/quarantined-positions"] = {"quarantined_id": str(_QUARANTINED)}
    released = {"filter": {"terminal_number": body["terminal_number"]}}
    release = await _made(client, "/v1/quarantine-releases", released, telemetry.headers(enterprise_id=first))
    own["/v1/quarantine-releases"] = {"release_id": release["id"]}
    read = {"vehicle_id": str(vehicle), "purpose": "查阅轨迹"}
    police = telemetry.headers(Role.police)
    assert (await client.get("/v1/tracks", params=read, headers=police)).status_code == 200
    side = Side(client, first, second, telemetry.headers(enterprise_id=second), own)
    morning = {"vehicle_id": str(vehicle), "from": f"{_DAY}T00:00:00Z", "to": f"{_DAY}T06:00:00Z"}
    side.queries = {
        "/v1/tracks": morning,
        "/v1/track-aggregates": morning,
        "/v1/visits": {"vehicle_id": str(vehicle)},
        "/v1/trips": {"vehicle_id": str(vehicle), "enterprise_id": str(first)},
        "/v1/daily-mileages": {"vehicle_id": str(vehicle), "enterprise_id": str(first)},
        "/v1/alerts": {"vehicle_id": str(vehicle), "enterprise_id": str(first)},
        "/v1/latest-positions": {"vehicle_id": str(vehicle)},
        "/v1/nearby-vehicles": {"lon": "122", "lat": "41"},
        "/v1/position-readings": {"vehicle_id": str(vehicle)},
        "/v1/quarantined-positions": {"terminal_number": body["terminal_number"]},
    }
    foreign, missing = (
        {"terminal_number": f"S2-{second.hex[:12]}", "vehicle_id": v} for v in (str(vehicle), str(uuid4()))
    )
    side.named = {
        "/v1/terminals": Named(foreign, missing),
        "/v1/terminal-batches": Named({"terminals": [foreign]}, {"terminals": [missing]}),
        "/v1/alert-rules": Named(
            {**limit, "vehicle_ids": [str(vehicle)]}, {**limit, "vehicle_ids": [str(uuid4())]}
        ),
        "/v1/quarantine-releases": Named({"ids": [_QUARANTINED]}, {"ids": [_QUARANTINED + 1]}),
    }
    return side


async def permits_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    client = await stack.enter_async_context(permits.running(permits.app(urls, directory)))
    worker = Database(urls["permits_worker"])
    stack.push_async_callback(worker.close)
    feed = permits.Registry(worker)
    first, second = await feed.enterprise(), await feed.enterprise()
    area = await feed.area()
    kind = await permits.make_type(client)
    vehicle = await feed.vehicle(first.id)
    application = await permits.apply(client, vehicle, area.id, kind)
    permit = await permits.grant(client, await feed.vehicle(first.id), area.id, kind)
    own = {
        "/v1/permit-applications": {"application_id": application["id"]},
        "/v1/permits": {"permit_id": permit["id"]},
    }
    side = Side(client, first.id, second.id, permits.firm_headers(second.id), own)
    side.queries = {"/v1/permits": {"vehicle_id": permit["vehicle_id"]}}
    place = {"plate_color": vehicle.plate_color, "area_id": str(area.id)}
    side.named = {
        "/v1/permit-applications": Named(
            permits.application_body(vehicle.id, area.id, kind),
            permits.application_body(uuid4(), area.id, kind),
        ),
        "/v1/checks": Named(
            {"plate_number": vehicle.plate_number, **place}, {"plate_number": permits.plate(), **place}
        ),
    }
    return side


async def matching_side(urls: dict[str, str], directory: Path, stack: AsyncExitStack) -> Side:
    positions = matching.Telemetry()
    app = matching.app(urls, directory, positions.client())
    client = await stack.enter_async_context(matching.running(app))
    worker = Database(urls["matching_worker"])
    stack.push_async_callback(worker.close)
    world = matching.World(worker, app, positions)
    await world.start()
    shipper, carrier, stranger = await world.firm(), await world.firm(), await world.firm()
    point = matching.apart()
    vehicle = await world.vehicle(carrier, point)
    load = await matching.post_load(client, shipper, point)
    offered = await matching.offer(client, carrier, load, vehicle)
    accepted = await matching.accept(client, shipper, offered)
    assert accepted.status_code == 201, accepted.text
    own = {
        "/v1/loads": {"load_id": load["id"]},
        "/v1/offers": {"offer_id": offered["id"]},
        "/v1/waybills": {"waybill_id": accepted.json()["id"]},
    }
    side = Side(client, shipper.id, stranger.id, stranger.headers, own)
    side.queries = {"/v1/candidates": {"load_id": load["id"]}, "/v1/offers": {"load_id": load["id"]}}
    van = await world.vehicle(stranger, point)
    foreign, missing = (
        {"load_id": load_id, "vehicle_id": str(van.id), "price_yuan": "1.00"}
        for load_id in (load["id"], str(uuid4()))
    )
    side.named["/v1/offers"] = Named(foreign, missing)
    return side


SIDES = {
    "registry": registry_side,
    "telemetry": telemetry_side,
    "permits": permits_side,
    "matching": matching_side,
}
