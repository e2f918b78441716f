"""Asking the authority: a plain yes confirms, a plain no does not, and anything else says nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi import Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from services.registry import clients
from services.registry.clients import Logink, open_logink
from services.registry.domain.authority import Outcome
from services.registry.errors import AuthorityNotConfigured
from services.registry.operations.authority import ask_about_enterprise, ask_about_vehicle
from services.shared.clock import utc_now
from services.shared.logs import configure_logs
from tests.factories import registry as make
from tests.support.logink_gateway import KEY, SECRET, Gateway, answer, app_of, served

NOW = utc_now()
NAME, USCC = "盘锦顺达（集团）物流有限公司", "91211100123456788X"
Misbehaviour = Callable[[], Awaitable[Response]]


@pytest.fixture
def gateway() -> Gateway:
    """A gateway that knows one vehicle and one firm."""
    firm = {"enterpriseName": "盘锦顺达(集团)物流有限公司", "unifiedSocialCreditIdentifier": USCC, "more": 1}
    return Gateway(int(time.time() * 1000), {("辽L12345", "2")}, [firm])


@pytest.fixture
def logink(gateway: Gateway) -> Logink:
    """A client of it, in the same process."""
    return Logink("http://logink", KEY, SECRET, transport=httpx.ASGITransport(app_of(gateway)))


async def outcome(logink: Logink, plate: str = "辽L12345", color: int = 2) -> Outcome:
    return (await ask_about_vehicle(logink, plate, color, NOW)).outcome


async def test_a_vehicle_is_known_or_not(gateway: Gateway, logink: Logink) -> None:
    found = await ask_about_vehicle(logink, "辽L12345", 2, NOW)
    assert (found.outcome, found.asked_at, found.reference) == (Outcome.CONFIRMED, NOW, "REQ-1")
    assert await outcome(logink, "辽L12345", 1) is Outcome.NOT_FOUND
    assert await outcome(logink, "辽L99999") is Outcome.NOT_FOUND
    assert gateway.asked[0] == (
        "/credit/vehicleQuery/checkVehicleExist",
        {"vehicleNumber": "辽L12345", "licensePlateTypeCode": "2"},
    )


@pytest.mark.parametrize("color", [0, 3, 5, 93, 94])
async def test_a_colour_the_interface_has_no_code_for_is_not_asked(
    gateway: Gateway, logink: Logink, color: int
) -> None:
    finding = await ask_about_vehicle(logink, "辽L12345", color, NOW)
    assert finding.outcome is Outcome.UNAVAILABLE
    assert " / " in finding.detail
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("firms", "expected"),
    [
        ([{"enterpriseName": NAME, "unifiedSocialCreditIdentifier": USCC}], Outcome.CONFIRMED),
        (
            [
                {"enterpriseName": NAME, "unifiedSocialCreditIdentifier": "91110000600037341L"},
                {"enterpriseName": NAME, "unifiedSocialCreditIdentifier": USCC},
            ],
            Outcome.CONFIRMED,
        ),
        (
            [{"enterpriseName": NAME, "unifiedSocialCreditIdentifier": "91110000600037341L"}],
            Outcome.NOT_FOUND,
        ),
        ([{"enterpriseName": NAME + "分公司", "unifiedSocialCreditIdentifier": USCC}], Outcome.NOT_FOUND),
        ([{"enterpriseName": NAME}], Outcome.UNAVAILABLE),
        ([], Outcome.NOT_FOUND),
    ],
)
async def test_a_firm_is_known_by_name_and_code(
    gateway: Gateway, logink: Logink, firms: list[dict[str, Any]], expected: Outcome
) -> None:
    gateway.firms = firms
    assert (await ask_about_enterprise(logink, NAME, USCC, NOW)).outcome is expected
    assert gateway.asked == [
        ("/credit/enterpriseQuery/logink", {"enterpriseName": NAME, "provinceCode": "210000"})
    ]


async def test_a_long_name_is_compared_whole(gateway: Gateway, logink: Logink) -> None:
    name = "盘锦顺达" + "甲" * 100
    gateway.firms = [{"enterpriseName": name + "乙", "unifiedSocialCreditIdentifier": USCC}]
    assert (await ask_about_enterprise(logink, name, USCC, NOW)).outcome is Outcome.NOT_FOUND


async def test_brackets_of_another_width_are_the_same_name(gateway: Gateway, logink: Logink) -> None:
    assert gateway.firms[0]["enterpriseName"] != NAME
    assert (await ask_about_enterprise(logink, NAME, USCC, NOW)).outcome is Outcome.CONFIRMED


async def slow() -> Response:
    await asyncio.sleep(2)
    return answer({"exist": True})


async def dripping() -> Response:
    async def drops() -> AsyncIterator[bytes]:
        for char in '{"code": "0", "data": {"exist": true}}' + " " * 100:
            yield char.encode()
            await asyncio.sleep(0.05)

    return StreamingResponse(drops())


async def endless() -> Response:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 65_536

    return StreamingResponse(flood())


def saying(content: bytes | str, status: int = 200, headers: dict[str, str] | None = None) -> Misbehaviour:
    async def say() -> Response:
        return Response(content, status, headers)

    return say


def answering(data: Any, code: Any = "0") -> Misbehaviour:
    async def say() -> Response:
        return answer(data, code)

    return say


MISBEHAVIOURS = {
    "500": saying(b"{}", 500),
    "403": saying(b"{}", 403),
    "204": saying(b"", 204),
    "redirect": saying(b"", 302, {"Location": "http://logink/elsewhere"}),
    "html": saying("<html>登录</html>"),
    "empty": saying(b""),
    "list": saying(b"[]"),
    "null": saying(b"null"),
    "cut": saying(b'{"code": "0", "data": {"exist": tr'),
    "no code": saying(b'{"data": {"exist": true}}'),
    "refused": answering({"exist": True}, "2001"),
    "null code": answering({"exist": True}, None),
    "yes as text": answering({"exist": "true"}),
    "yes as number": answering({"exist": 1}),
    "yes without a word": answering(True),  # noqa: FBT003 - data of an answer
    "another word": answering({"exists": True}),
    "a list": answering([{"exist": True}]),
    "nothing": answering(None),
    "deep": saying(b'{"code": "0", "data": ' + b"[" * 100_000),
    "packed": saying(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"}),
    "not utf-8": saying(b'{"code": "0", "data": "\xff"}'),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_what_is_no_plain_answer_says_nothing(gateway: Gateway, logink: Logink, name: str) -> None:
    gateway.misbehave = MISBEHAVIOURS[name]
    finding = await ask_about_vehicle(logink, "辽L12345", 2, NOW)
    assert finding.outcome is Outcome.UNAVAILABLE
    assert " / " in finding.detail
    assert len(gateway.asked) == 1, "a redirect was followed"
    assert (await ask_about_enterprise(logink, NAME, USCC, NOW)).outcome in {
        Outcome.UNAVAILABLE,
        *([Outcome.NOT_FOUND] if name == "nothing" else []),
    }


async def test_a_real_gateway_that_is_slow_drips_or_floods(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_DEADLINE_S", 0.4)
    async with served(gateway) as url:
        logink = Logink(url, KEY, SECRET)
        assert await outcome(logink) is Outcome.CONFIRMED
        for misbehaviour in (slow, dripping, endless):
            gateway.misbehave = misbehaviour
            began = time.monotonic()
            assert await outcome(logink) is Outcome.UNAVAILABLE
            assert time.monotonic() - began < 2
    assert await outcome(logink) is Outcome.UNAVAILABLE, "nobody listens any more"


async def test_signature_time_and_nonce_are_held_to(gateway: Gateway) -> None:
    transport = httpx.ASGITransport(app_of(gateway))
    wrong = Logink("http://logink", KEY, "wrong", transport=transport)
    assert await outcome(wrong) is Outcome.UNAVAILABLE
    old = Logink("http://logink", KEY, SECRET, transport=transport, clock=lambda: time.time() - 1000)
    assert await outcome(old) is Outcome.UNAVAILABLE
    assert gateway.refused == ["Invalid Signature", "Invalid Timestamp"]


async def test_no_nonce_comes_twice_and_a_replay_is_refused(gateway: Gateway) -> None:
    seen: list[httpx.Request] = []
    inner = httpx.ASGITransport(app_of(gateway))

    async def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return await inner.handle_async_request(request)

    logink = Logink("http://logink", KEY, SECRET, transport=httpx.MockTransport(note))
    for _ in range(20):
        assert await outcome(logink) is Outcome.CONFIRMED
    assert len({request.headers["X-Ca-Nonce"] for request in seen}) == 20
    again = await inner.handle_async_request(seen[0])
    assert (again.status_code, again.headers["X-Ca-Error-Message"]) == (403, "Nonce Used")


async def test_without_credentials_nobody_is_asked(
    database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("logink")
    for given in ({}, {"logink_key": KEY}, {"logink_secret": SECRET}):
        assert open_logink(make.api_settings(database_urls, directory, **given)) is None
    for ask in (ask_about_vehicle(None, "辽L12345", 2, NOW), ask_about_enterprise(None, NAME, USCC, NOW)):
        with pytest.raises(AuthorityNotConfigured):
            await ask
    both = make.api_settings(database_urls, directory, logink_key=KEY, logink_secret=SECRET)
    assert open_logink(both) is not None
    assert SECRET not in repr(both)
    for url in ("http://gateway.logink.cn", "https://", "ftp://x", "https://a/b", "http://127.0.0.1.evil"):
        with pytest.raises(ValidationError):
            make.api_settings(database_urls, directory, logink_url=url)


@pytest.fixture
def _log_stream() -> Iterator[None]:
    yield
    configure_logs("tests")  # the stream of the test is gone


@pytest.mark.usefixtures("_log_stream")
async def test_the_log_names_neither_question_nor_secret(
    gateway: Gateway, logink: Logink, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("test")
    await ask_about_enterprise(logink, NAME, USCC, NOW)
    gateway.misbehave = MISBEHAVIOURS["refused"]
    await ask_about_enterprise(logink, NAME, USCC, NOW)
    said = capsys.readouterr().err
    assert '"authority_asked"' in said
    assert '"authority_fault"' in said
    assert not [text for text in (SECRET, USCC, NAME, json.dumps(NAME)) if text in said]
