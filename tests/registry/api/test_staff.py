"""Named officials: accounts and sign-in."""

import asyncio
import statistics
import time

import httpx
import pytest

from services.registry.main import create_app
from services.registry.operations.passwords import Passwords
from services.shared.errors import TooManyRequests
from tests.factories import registry as make
from tests.registry.api.test_tokens import wait_refused


async def _account(api: httpx.AsyncClient, name: str, **values: object) -> dict[str, str]:
    body = {"username": name, "display_name": "王丽", "role": "transport_bureau", **values}
    answer = await api.post("/v1/staff-accounts", json=body, headers=make.administrator())
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


async def _sign_in(api: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    return await api.post("/v1/staff-sessions", json={"username": name, "password": password})


async def test_an_official_signs_in_and_decides(api: httpx.AsyncClient, firm: make.Firm) -> None:
    made = await _account(api, "wang.li")
    answer = await _sign_in(api, "wang.li", made["password"])
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    done = await api.post(
        f"/v1/enterprises/{firm.id}/suspension", json={"reason": "证照过期"}, headers=headers
    )
    assert done.json()["status"] == "suspended"


async def test_an_account_without_the_scope_is_no_administrator(api: httpx.AsyncClient) -> None:
    made = await _account(api, "zhao")
    token = (await _sign_in(api, "zhao", made["password"])).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await api.get("/v1/staff-accounts", headers=headers)).status_code == 403
    chief = await _account(api, "chief", scopes=["admin"])
    token = (await _sign_in(api, "chief", chief["password"])).json()["access_token"]
    listed = await api.get("/v1/staff-accounts", headers={"Authorization": f"Bearer {token}"})
    assert listed.status_code == 200
    assert "password" not in listed.text


async def test_unknown_wrong_and_disabled_answer_alike(api: httpx.AsyncClient) -> None:
    made = await _account(api, "gone")
    token = (await _sign_in(api, "gone", made["password"])).json()["access_token"]
    done = await api.post(f"/v1/staff-accounts/{made['id']}/disablement", headers=make.administrator())
    assert done.json()["status"] == "disabled"
    answers = [
        await _sign_in(api, name, password)
        for name, password in (("gone", made["password"]), ("gone", "wrong"), ("nobody", "wrong"))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["type"] for answer in answers}) == 1
    await wait_refused(api, {"Authorization": f"Bearer {token}"})


async def test_an_unknown_user_takes_as_long(api: httpx.AsyncClient) -> None:
    await _account(api, "timed")

    async def typical(name: str) -> float:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await _sign_in(api, name, "wrong")
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    known, unknown = await typical("timed"), await typical("nobody-at-all")
    assert 0.4 < known / unknown < 2.5


async def test_a_user_name_is_taken_once(api: httpx.AsyncClient) -> None:
    await _account(api, "twice")
    body = {"username": "twice", "display_name": "另一人", "role": "police"}
    answer = await api.post("/v1/staff-accounts", json=body, headers=make.administrator())
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:cityfreight:problem:username-taken")


async def test_at_most_two_passwords_are_checked_at_once() -> None:
    passwords = Passwords()
    running = most = 0
    check = passwords._check

    def counted(stored: str, password: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        found = check(stored, password)
        running -= 1
        return found

    passwords._check = counted  # type: ignore[method-assign]
    answers = await asyncio.gather(*(passwords.verify(None, "x") for _ in range(40)), return_exceptions=True)
    assert most == 2
    assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 8
    assert sum(answer is False for answer in answers) == 32


async def test_guessing_is_slowed_down(
    database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = make.api_settings(database_urls, tmp_path_factory.mktemp("slow"), sign_in_per_minute=3)
    async with make.running(create_app(settings)) as api:
        statuses = [(await _sign_in(api, "admin", "guess")).status_code for _ in range(4)]
        refused = await _sign_in(api, "admin", "guess")
    assert statuses == [401, 401, 401, 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 20


async def test_the_scope_to_read_personal_data_is_an_offices(api: httpx.AsyncClient) -> None:
    made = await _account(api, "reader", scopes=["personal_data"])
    session = (await _sign_in(api, "reader", made["password"])).json()
    assert session["scope"] == "personal_data"
    for role in ("police", "province"):
        body = {"username": "officer", "display_name": "x", "role": role, "scopes": ["personal_data"]}
        refused = await api.post("/v1/staff-accounts", json=body, headers=make.administrator())
        assert [each["field"] for each in refused.json()["errors"]] == ["body.scopes"]
