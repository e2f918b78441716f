"""Seeding through the public API: the city profile, and the demo tenants with their fleet.

Idempotent by the codes that are unique anyway; credentials that are shown once are kept in the secrets of
the installation the moment they are known, so that a seeding cut off at any point goes on where it was.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deploy.local import identity
from deploy.local.credentials import ADMIN, private_directory, write_private
from deploy.local.demo import (
    BAYS,
    CHARGERS,
    ENTERPRISES,
    FACILITIES,
    OPENED_ON,
    VEHICLES,
    demo_vehicles,
    terminal_number,
)
from deploy.local.places import CHECKOUT
from deploy.local.progress import DeployError

CITY = CHECKOUT / "city" / "panjin"
PATIENCE_TRIES = 150
PAUSE_SECONDS = 0.1
"""Together a quarter of a minute, for a copy to arrive or a service to come back."""
AWAY = frozenset({502, 503, 504})
NOT_YET = AWAY | {404, 409, 422}


@dataclass(frozen=True)
class Target:
    """The platform to seed."""

    address: str
    secrets: Path
    demo: bool


class Api:
    """The public API as the first administrator sees it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def sign_in(self, username: str, password: str) -> None:
        """Takes an access token for everything that follows."""
        answer = self.post("/v1/staff-sessions", {"username": username, "password": password}, retry=AWAY)
        self._client.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def get_all(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Walks a collection, GeoJSON or plain, to its end."""
        cursor: str | None = None
        while True:
            parameters = {"limit": "200", **query, **({"cursor": cursor} if cursor else {})}
            request = self._client.build_request("GET", path, params=parameters)
            page = self._checked(request, AWAY)
            yield from page.get("items") or page.get("features") or []
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def post(self, path: str, body: dict[str, Any], retry: frozenset[int] = frozenset()) -> dict[str, Any]:
        """Posts; repeats while the answer is one of `retry`.

        Raises:
            DeployError: another error, or it stayed one of `retry`.
        """
        return self._checked(self._client.build_request("POST", path, json=body), retry)

    def _checked(self, request: httpx.Request, retry: frozenset[int]) -> dict[str, Any]:
        answer = self._client.send(request)
        for _ in range(PATIENCE_TRIES):
            if answer.status_code not in retry:
                break
            identity.pause(PAUSE_SECONDS)
            answer = self._client.send(request)
        if answer.is_error:
            what = f"{request.method} {request.url.path}"
            raise DeployError(f"seeding: {what} → {answer.status_code} {answer.text[:600]}")
        found: dict[str, Any] = answer.json()
        return found


def run(target: Target, admin_password: str) -> None:
    """Brings in what is missing of the profile and, if asked for, of the demo.

    Raises:
        DeployError: the platform refused something.
    """
    with httpx.Client(base_url=target.address, timeout=30) as client:
        api = Api(client)
        api.sign_in(ADMIN, admin_password)
        areas = seed_areas(api)
        seed_permit_types(api)
        seed_rules(api, areas)
        if target.demo:
            seed_demo(api, target.secrets)


def _profile(name: str) -> Any:
    return json.loads((CITY / name).read_text(encoding="utf-8"))


def seed_areas(api: Api) -> dict[str, str]:
    """Creates the profile's areas that are not there; code → id of all."""
    known = {
        feature["properties"]["code"]: str(feature.get("id") or feature["properties"]["id"])
        for feature in api.get_all("/v1/areas")
    }
    for feature in _profile("areas.geojson")["features"]:
        given = {name: value for name, value in feature["properties"].items() if name != "note"}
        if given["code"] not in known:
            known[given["code"]] = api.post("/v1/areas", {**given, "geometry": feature["geometry"]})["id"]
    return known


def seed_permit_types(api: Api) -> None:
    """Creates the profile's permit types that are not there."""
    known = {item["code"] for item in api.get_all("/v1/permit-types")}
    for given in _profile("permit_types.json"):
        if given["code"] not in known:
            api.post("/v1/permit-types", given)


def seed_rules(api: Api, areas: dict[str, str]) -> None:
    """Creates the profile's rules that are not there; permits may still be copying the areas they name."""
    known = {item["code"] for item in api.get_all("/v1/restriction-rules")}
    for given in _profile("restriction_rules.json"):
        if given["code"] not in known:
            body = {name: value for name, value in given.items() if name != "areas"}
            api.post(
                "/v1/restriction-rules",
                {**body, "area_ids": [areas[code] for code in given["areas"]]},
                NOT_YET,
            )


def seed_demo(api: Api, secrets: Path) -> None:
    """Three firms with vans, terminals and places, an official of the police, the fleet's credentials."""
    kept = secrets / "demo.json"
    state: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}

    def keep() -> None:
        write_private(kept, json.dumps(state, ensure_ascii=False, indent=1) + "\n")

    if "police" not in state:
        account = {"username": "demo.police", "display_name": "演示交警", "role": "police", "scopes": []}
        state["police"] = {
            "username": "demo.police",
            "password": api.post("/v1/staff-accounts", account)["password"],
        }
        keep()
    firms: dict[str, Any] = state.setdefault("enterprises", {})
    for given in ENTERPRISES:
        _seed_enterprise(api, given, firms.setdefault(given["uscc"], {"name": given["name"]}), keep)
    ids = [firms[given["uscc"]]["enterprise_id"] for given in ENTERPRISES]
    seed_facilities(api, ids)
    vehicles = _seed_vehicles(api, ids)
    if len(state.get("fleet", [])) < VEHICLES:
        state["fleet"] = _provision(api, vehicles)
        keep()
    private_directory(secrets / "fleet")
    write_private(secrets / "fleet" / "telemetry_fleet", json.dumps(state["fleet"]))


def _seed_enterprise(api: Api, given: dict[str, str], firm: dict[str, Any], keep: Callable[[], None]) -> None:
    if "application_id" not in firm:
        receipt = api.post("/v1/enterprise-applications", given)
        firm.update(application_id=receipt["id"], reference_code=receipt["reference_code"])
        keep()
    path = f"/v1/enterprise-applications/{firm['application_id']}"
    if "enterprise_id" not in firm:
        shown = {item["id"]: item for item in api.get_all("/v1/enterprise-applications")}[
            firm["application_id"]
        ]
        if shown["status"] == "submitted":
            shown = api.post(f"{path}/approval", {"demo": True})
        firm["enterprise_id"] = shown["enterprise_id"]
        keep()
    if "client_id" not in firm:
        collected = api.post(f"{path}/credentials", {"reference_code": firm["reference_code"]})
        firm.update(client_id=collected["client_id"], client_secret=collected["client_secret"])
        keep()


def _seed_vehicles(api: Api, enterprises: list[str]) -> list[dict[str, Any]]:
    """The thirty vans in order, as the registry has them."""
    known = {
        item["plate_number"]: item
        for owner in enterprises
        for item in api.get_all("/v1/vehicles", enterprise_id=owner)
    }
    return [
        known.get(given["plate_number"]) or api.post("/v1/vehicles", given)
        for given in demo_vehicles(enterprises)
    ]


def seed_facilities(api: Api, enterprises: list[str]) -> None:
    """Four places at work, one with bays and one with chargers; what is there already stays."""
    known = {item["properties"]["code"]: item for item in api.get_all("/v1/facilities")}
    step = {"on": OPENED_ON}
    for number, given in enumerate(FACILITIES):
        owner = enterprises[number % len(enterprises)]
        there = known.get(given["code"])
        place = there["id"] if there else api.post("/v1/facilities", {**given, "enterprise_id": owner})["id"]
        status = there["properties"]["status"] if there else "planned"
        if status == "planned":
            api.post(f"/v1/facilities/{place}/construction-completion", step)
        if status in {"planned", "built"}:
            api.post(f"/v1/facilities/{place}/opening", step)
        for code, collection, items in (
            ("PJDEMO-BAYS", "bays", BAYS),
            ("PJDEMO-CHARGING", "chargers", CHARGERS),
        ):
            if given["code"] == code and not list(api.get_all(f"/v1/{collection}", facility_id=place)):
                api.post(f"/v1/{collection}", {"facility_id": place, "items": [*items]})


def _provision(api: Api, vehicles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Terminals with fresh credentials; those of an interrupted seeding get a new secret."""
    known = {item["terminal_number"]: item for item in api.get_all("/v1/terminals")}
    fleet = []
    missing = []
    for number, vehicle in enumerate(vehicles, start=1):
        name = terminal_number(number)
        if name in known:
            fleet.append(api.post(f"/v1/terminals/{known[name]['id']}/credential-rotation", {}))
        else:
            missing.append(
                {
                    "terminal_number": name,
                    "enterprise_id": vehicle["enterprise_id"],
                    "vehicle_id": vehicle["id"],
                }
            )
    if missing:
        fleet += api.post("/v1/terminal-batches", {"terminals": missing}, NOT_YET)["items"]
    return fleet
