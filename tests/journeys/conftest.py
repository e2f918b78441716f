"""One platform for all journeys of a worker, and what every journey begins with."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.factories.registry import uscc
from tests.support.city import City, expect, running_city


@dataclass(frozen=True)
class Firm:
    """An enterprise of the programme and its signed-in client."""

    id: str
    client: httpx.Client


@pytest.fixture(scope="session")
def city() -> Iterator[City]:
    """A whole platform, started by `make up`."""
    with running_city() as running:
        yield running


@pytest.fixture(scope="session")
def admin(city: City) -> Iterator[httpx.Client]:
    """The generated administrator, a named official of the transport bureau."""
    with city.admin() as client:
        yield client


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


@pytest.fixture(scope="session")
def police(city: City, admin: httpx.Client) -> Iterator[httpx.Client]:
    """A named police official."""
    account = {"username": "journey.police", "display_name": "路面警官", "role": "police", "scopes": []}
    made = expect(admin.post("/v1/staff-accounts", json=account), 201)
    with city.official("journey.police", made["password"]) as client:
        yield client
