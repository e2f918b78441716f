"""One platform for all journeys of a worker, and what every journey begins with."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.city import City, expect, running_city


@pytest.fixture(scope="session")
def city() -> Iterator[City]:
    """A whole platform, started by `make up`."""
    with running_city() as running:
        yield running


@pytest.fixture(scope="session")
def admin(city: City) -> httpx.Client:
    """The generated administrator, a named official of the transport bureau."""
    return city.admin()


@pytest.fixture(scope="session")
def police(city: City, admin: httpx.Client) -> httpx.Client:
    """A named police official."""
    account = {"username": "journey.police", "display_name": "路面警官", "role": "police", "scopes": []}
    made = expect(admin.post("/v1/staff-accounts", json=account), 201)
    return city.official("journey.police", made["password"])
