"""The app factory: problems for every status, request ids, health, transactions."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.registry.settings import RegistrySettings
from services.shared.auth import Role
from tests.factories import registry as make
from tests.shared.probe_service import create_probe

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def probe(database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = RegistrySettings(**make.settings_values(database_urls, tmp_path), database_pool=1)
    async with make.running(create_probe(settings)) as client:
        yield client


def _check_problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance", "request_id", "errors"} <= {*body}
    assert body["type"] == f"urn:cityfreight:problem:{slug}"
    assert body["status"] == status
    assert body["instance"] == answer.request.url.path
    assert body["request_id"] == answer.headers["x-request-id"]
    chinese, _, english = body["title"].partition(" / ")
    assert any("\u4e00" <= char <= "\u9fff" for char in chinese)
    assert english.isascii()
    assert english
    return body


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield b" " * 1000


@pytest.mark.parametrize(
    ("method", "path", "status", "slug"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("DELETE", "/probe/echo", 405, "method-not-allowed"),
        ("GET", "/probe/items/x", 422, "unprocessable"),
        ("GET", "/probe/scope", 401, "unauthorized"),
        ("GET", "/probe/crash", 500, "internal-error"),
        ("GET", "/probe/away", 503, "unavailable"),
        ("GET", "/probe/not-acceptable", 406, "not-acceptable"),
        ("GET", "/docs", 404, "not-found"),
        ("GET", "/openapi.json", 404, "not-found"),
        ("POST", "/probe/echo", 422, "unprocessable"),
        ("BREW", "/probe/echo", 405, "method-not-allowed"),
    ],
)
async def test_every_error_is_a_problem(
    probe: httpx.AsyncClient, method: str, path: str, status: int, slug: str
) -> None:
    answer = await probe.request(method, path)
    body = _check_problem(answer, status, slug)
    assert "hunter2" not in json.dumps(body)
    assert "Traceback" not in answer.text


async def test_errors_keep_their_headers(probe: httpx.AsyncClient) -> None:
    assert (await probe.get("/probe/away")).headers["retry-after"] == "7"
    assert "POST" in (await probe.get("/probe/echo")).headers["allow"]
    assert (await probe.get("/probe/scope")).headers["www-authenticate"].startswith("Bearer")


async def test_a_body_past_the_limit_is_refused_announced_or_not(probe: httpx.AsyncClient) -> None:
    announced = await probe.post("/probe/echo", content=b" " * 10_001, headers=JSON)
    streamed = await probe.post("/probe/echo", content=_chunks(), headers=JSON)
    assert "content-length" not in streamed.request.headers
    for answer in (announced, streamed):
        _check_problem(answer, 413, "payload-too-large")
    text = '{"text": "%s"}' % ("x" * 9_000)
    assert (await probe.post("/probe/echo", content=text, headers=JSON)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 422, "body"),
        (b"{", 422, "body"),
        (b"\xff\xfe", 422, "body"),
        (b"[]", 422, "body"),
        (b'"x"', 422, "body"),
        (b'{"text": "\xc3\x28"}', 400, None),
        (b"[" * 5_000, 400, None),
        (b'{"lon": NaN}', 422, "body.lon"),
        (b'{"lon": -Infinity}', 422, "body.lon"),
        (b'{"lon": 1e999}', 422, "body.lon"),
        (b'{"lon": 1%s}' % (b"0" * 400), 422, "body.lon"),
        (b'{"lon": 1%s}' % (b"0" * 5_000), 400, None),
        (b'{"lon": 181}', 422, "body.lon"),
        (b'{"lon": true}', 422, "body.lon"),
        (b'{"text": "a\\u0000b"}', 422, "body.text"),
        (b'{"text": "\\ud800"}', 422, "body.text"),
        (b'{"text": "a", "extra": 1}', 422, "body.extra"),
        ('{"文": 1}'.encode(), 422, "body.文"),
        (b'{"\\ud800": 1}', 422, None),
        (b'{"a\\u0000": 1}', 422, None),
    ],
)
async def test_bad_bodies_name_the_field_and_never_the_value(
    probe: httpx.AsyncClient, body: bytes, status: int, field: str | None
) -> None:
    answer = await probe.post("/probe/echo", content=body, headers=JSON)
    problem = _check_problem(answer, status, "unprocessable" if status == 422 else "bad-request")
    if field is not None:
        assert problem["errors"][0]["field"].startswith(field)
        assert " / " in problem["errors"][0]["message"]
    assert "input" not in json.dumps(problem["errors"])


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "", "x"]
)
async def test_another_media_type_is_a_4xx_problem(probe: httpx.AsyncClient, kind: str) -> None:
    answer = await probe.post("/probe/echo", content=b'{"text": "a"}', headers={"Content-Type": kind})
    assert answer.status_code in {415, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-DEF_1.2", True), ("x" * 65, False), ("a b", False), ("<script>", False), ("", False)],
)
async def test_a_well_formed_request_id_is_kept(probe: httpx.AsyncClient, given: str, kept: bool) -> None:
    answer = await probe.get("/nowhere", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept
    assert len(answer.headers.get_list("x-request-id")) == 1


async def test_a_path_that_is_not_utf8_is_a_problem(probe: httpx.AsyncClient) -> None:
    for path in ("/%ff%fe", "/probe/items/%00", "/probe/items/%ed%a0%80", "//", "/../etc/passwd"):
        answer = await probe.get(path)
        assert answer.status_code in {404, 422}
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_commit_that_fails_is_never_a_success(probe: httpx.AsyncClient) -> None:
    answer = await probe.post("/probe/late-failure", headers=make.official())
    _check_problem(answer, 500, "internal-error")


async def test_a_read_transaction_refuses_writes(probe: httpx.AsyncClient) -> None:
    assert (await probe.get("/probe/write-in-a-read", headers=make.official())).status_code == 500


async def test_row_level_settings_do_not_stay_on_the_connection(probe: httpx.AsyncClient) -> None:
    seen = (await probe.get("/probe/scope", headers=make.official(Role.police))).json()
    assert seen["role"] == "police"
    assert seen["subject"]
    nobody = {"role": None, "enterprise": None, "subject": None}
    assert (await probe.get("/probe/public-scope")).json() == nobody


async def test_health_readiness_and_metrics(probe: httpx.AsyncClient) -> None:
    assert (await probe.get("/healthz")).json() == {"status": "ok"}
    assert (await probe.get("/readyz")).json() == {"status": "ready"}
    await probe.get("/nowhere")
    metrics = await probe.get("/metrics")
    assert "http_requests_total" in metrics.text
    assert 'route="unmatched"' in metrics.text


async def test_not_ready_while_the_schema_is_another(database_urls: dict[str, str], tmp_path: Path) -> None:
    settings = RegistrySettings(**make.settings_values(database_urls, tmp_path))
    async with make.running(create_probe(settings, revision="another")) as probe:
        answer = await probe.get("/readyz")
    _check_problem(answer, 503, "unavailable")


async def test_not_ready_as_a_role_past_row_level_security(
    database_urls: dict[str, str], tmp_path: Path
) -> None:
    settings = RegistrySettings(**make.settings_values(database_urls, tmp_path, "superuser"))
    async with make.running(create_probe(settings)) as probe:
        _check_problem(await probe.get("/readyz"), 503, "unavailable")


async def test_a_database_that_is_away_is_a_503(
    database_urls: dict[str, str], tmp_path: Path, unused_port: int
) -> None:
    values = make.settings_values(database_urls, tmp_path)
    values["database_url"] = f"postgresql://registry_api:x@127.0.0.1:{unused_port}/none"
    async with make.running(create_probe(RegistrySettings(**values))) as probe:
        for path in ("/probe/database", "/readyz"):
            answer = await probe.get(path)
            _check_problem(answer, 503, "unavailable")
        assert (await probe.get("/healthz")).status_code == 200
        # The list of revoked subjects cannot be read: nobody is let through unchecked.
        assert (await probe.get("/probe/scope", headers=make.official())).status_code == 503


async def test_an_unknown_query_parameter_is_refused(probe: httpx.AsyncClient) -> None:
    answer = await probe.get("/probe/scope?entrprise_id=x", headers=make.official())
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["query.entrprise_id"]


async def test_a_wrong_method_is_told_every_right_one(probe: httpx.AsyncClient) -> None:
    for path, allowed in (("/probe/marks", "GET, POST"), ("/probe/echo", "POST"), ("/probe/items/7", "GET")):
        answer = await probe.request("DELETE", path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
