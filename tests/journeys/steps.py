"""What the parties of a journey do: found a firm, park a van, post a load; by the public address only."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.factories.registry import uscc
from tests.support.city import City, expect
from tests.support.waiting import until

COPY_PATIENCE_S = 20


@dataclass(frozen=True)
class Firm:
    """An enterprise of the programme and its signed-in client."""

    id: str
    client: httpx.Client


@dataclass(frozen=True)
class Van:
    """A registered vehicle with a terminal that has sent its position."""

    id: str
    plate: str
    credential: dict[str, Any]


def found_firm(city: City, admin: httpx.Client, name: str) -> Firm:
    """Take a firm into the programme the way a firm is: application, approval, its own credentials."""
    with httpx.Client(base_url=city.address, timeout=60) as anybody:
        application = expect(
            anybody.post(
                "/v1/enterprise-applications", json={"name": name, "uscc": uscc(), "kind": "carrier"}
            ),
            201,
        )
        path = f"/v1/enterprise-applications/{application['id']}"
        approved = expect(admin.post(f"{path}/approval", json={}))
        reference = {"reference_code": application["reference_code"]}
        collected = expect(anybody.post(f"{path}/credentials", json=reference), 201)
    return Firm(approved["enterprise_id"], city.firm(collected["client_id"], collected["client_secret"]))


def van_body(number: int, since: str) -> dict[str, Any]:
    """A small electric box van; `number` has five digits."""
    return {
        "plate_number": f"辽LD{number}",
        "plate_color": 94,
        "powertrain": "BEV",
        "vehicle_type": "H32",
        "payload_kg": 1500,
        "gross_mass_kg": 4490,
        "volume_m3": 15.0,
        "valid_from": since,
    }


def park_van(city: City, carrier: Firm, number: int, place: tuple[float, float]) -> Van:
    """Register a van, fit it with a terminal, let it say that it stands at `place`."""
    body = van_body(number, (datetime.now(UTC) - timedelta(days=1)).isoformat())
    vehicle = expect(carrier.client.post("/v1/vehicles", json=body), 201)
    terminal = {"terminal_number": f"JOURNEY-{number}", "vehicle_id": vehicle["id"]}
    credential = post_until_created(carrier.client, "/v1/terminals", terminal)
    van = Van(vehicle["id"], body["plate_number"], credential)
    report_position(city, van, place)
    return van


def report_position(city: City, van: Van, place: tuple[float, float]) -> None:
    """Publish one fix of now as the van's terminal, at QoS 1."""
    now = datetime.now(UTC)
    fix = {
        "time": now.isoformat(),
        "lon": place[0],
        "lat": place[1],
        "boot": 1,
        "seq": round(now.timestamp()),
    }
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2, client_id=van.credential["username"], protocol=mqtt.MQTTv5
    )
    client.username_pw_set(van.credential["username"], van.credential["password"])
    client.connect("127.0.0.1", city.mqtt_port)
    client.loop_start()
    client.publish(van.credential["topic"], json.dumps(fix), qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def post_load(shipper: Firm, place: tuple[float, float]) -> dict[str, Any]:
    """Post a load from `place` to a place near it, within the next six hours."""
    now = datetime.now(UTC)
    window = {"from": now.isoformat(), "to": (now + timedelta(hours=6)).isoformat()}
    origin = {"lon": place[0], "lat": place[1], "address": "市场一号门"}
    body = {
        "origin": origin,
        "destination": {**origin, "lat": round(place[1] + 0.02, 6)},
        "weight_kg": 800.0,
        "volume_m3": 4.0,
        "temperature_class": "ambient",
        "pickup_window": window,
        "delivery_window": window,
        "cargo_type_code": "1700",
        "description": "日用百货",
    }
    return post_until_created(shipper.client, "/v1/loads", body)


def post_until_created(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Post until it answers 201: what it refers to may be on its way to that service's copy."""
    made: dict[str, Any] = {}

    def created() -> bool:
        answer = client.post(path, json=body)
        made.update(answer.json())
        return answer.status_code == 201

    until(created, COPY_PATIENCE_S)
    return made


def candidate_of(reader: httpx.Client, load_id: str, vehicle_id: str) -> dict[str, Any] | None:
    """One vehicle among the candidates that its owner or a bureau sees."""
    asked = {"load_id": load_id, "vehicle_id": vehicle_id}
    items = expect(reader.get("/v1/candidates", params=asked))["items"]
    return items[0] if items else None


def verdict_on(reader: httpx.Client, load_id: str, vehicle_id: str) -> str | None:
    """The verdict on that vehicle."""
    found = candidate_of(reader, load_id, vehicle_id)
    return None if found is None else str(found["verdict"])
