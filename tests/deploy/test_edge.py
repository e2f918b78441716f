"""The edge on a real nginx: what it routes, what it refuses, and how it says so."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from deploy.local import edge
from tests.support.edge import running_edge
from tests.support.ports import unused_port
from tests.support.scratch import scratch_directory

ROUTES = {"vehicles": "registry", "terminal-batches": "telemetry", "exchanges": "gone"}


class _Echo(BaseHTTPRequestHandler):
    """Answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        seen = {
            "path": self.path,
            "bytes": len(body),
            "headers": {k.lower(): v for k, v in self.headers.items()},
        }
        seen["padding"] = "x" * 5000 if "large" in self.path else ""
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"127.0.0.1:{server.server_port}"
    upstreams = {"registry": here, "telemetry": here, "gateway": here, "gone": f"127.0.0.1:{unused_port()}"}
    with (
        scratch_directory() as directory,
        running_edge(directory / "edge", upstreams, ROUTES, guarded_rate=1, guarded_burst=3) as address,
        httpx.Client(base_url=f"http://{address}") as found,
    ):
        yield found
    server.shutdown()
    server.server_close()


def _problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert set(body) == {"type", "title", "status", "detail", "instance", "request_id", "errors"}
    chinese, _, english = str(body["title"]).partition(" / ")
    assert not chinese.isascii()
    assert english.isascii()
    assert answer.headers["x-request-id"] == body["request_id"] != ""
    return body


@pytest.mark.parametrize(
    "path",
    [
        "/v1/vehicles",
        "/v1/vehicles/1?plate=a",
        "/oauth/jwks",
        "/exchange/v1/datasets",
        "/docs",
        "/openapi.json",
    ],
)
def test_public_paths_reach_a_service_unchanged(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["path"] == path


def test_health_is_that_of_the_platform_not_of_one_service(client: httpx.Client) -> None:
    assert client.get("/healthz").json()["path"] == "/platform-health"


@pytest.mark.parametrize(
    "path",
    [
        "/internal/v1/changes",
        "/internal",
        "/metrics",
        "/readyz",
        "/v1",
        "/v1/unknown",
        "/v1/vehiclesx",
        "/__problem/503",
        "/.git/config",
    ],
)
def test_everything_else_is_not_found(client: httpx.Client, path: str) -> None:
    assert _problem(client.get(path), 404)["instance"] == path


@pytest.mark.parametrize(
    "target",
    [
        "/v1/vehicles/../../internal/v1/changes",
        "/internal/../v1/vehicles",
        "/internal/%2e%2e/v1/vehicles",
        "/internal%2fv1%2fx%2f..%2f..%2f..%2fv1/vehicles",
        "//internal/v1/changes",
        "/v1//vehicles",
        "/v1/vehicles/%2E%2E/x",
        "/v1/vehicles/.",
        "/v1/vehicles\\..\\x",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_goes_nowhere(client: httpx.Client, target: str) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 5) as raw:
        raw.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        status = raw.makefile("rb").readline()
    assert status.split()[1] == b"404"


def test_a_dead_service_is_a_problem_with_retry_after(client: httpx.Client) -> None:
    answer = client.get("/v1/exchanges")
    _problem(answer, 502)
    assert answer.headers["retry-after"] == "1"


def test_bodies_are_limited_by_collection(client: httpx.Client) -> None:
    assert client.post("/v1/vehicles", content=b"x" * 1_000_000).json()["bytes"] == 1_000_000
    _problem(client.post("/v1/vehicles", content=b"x" * 1_100_000), 413)
    assert client.post("/v1/terminal-batches", content=b"x" * 3_000_000).json()["bytes"] == 3_000_000
    _problem(client.post("/v1/terminal-batches", content=b"x" * 5_000_000), 413)


def test_sign_ins_have_a_rate_of_their_own(client: httpx.Client) -> None:
    answers = [client.post("/oauth/token", data={"a": "b"}) for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    _problem(refused[0], 429)
    assert refused[0].headers["retry-after"] == "1"
    assert client.get("/v1/vehicles").status_code == 200


def test_the_request_id_is_passed_on_when_well_formed(client: httpx.Client) -> None:
    given = client.get("/v1/vehicles", headers={"X-Request-ID": "abc-123"}).json()["headers"]["x-request-id"]
    made = client.get("/v1/vehicles", headers={"X-Request-ID": 'a"b\\c'}).json()["headers"]["x-request-id"]
    assert given == "abc-123"
    assert len(made) == 32
    assert made.isalnum()


def test_a_client_cannot_claim_an_address(client: httpx.Client) -> None:
    seen = client.get("/v1/vehicles", headers={"X-Forwarded-For": "8.8.8.8"}).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"


def test_a_quote_in_the_path_does_not_break_the_problem(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 5) as raw:
        raw.sendall(b'GET /nowhere/"a"<b> HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
        body = raw.makefile("rb").read().partition(b"\r\n\r\n")[2]
    assert json.loads(body)["instance"] == "/nowhere/"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
def test_a_malformed_request_is_a_problem(client: httpx.Client, sent: bytes, status: bytes) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 5) as raw:
        raw.sendall(sent)
        head, _, body = raw.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert str(json.loads(body)["status"]).encode() == status


def test_answers_are_compressed(client: httpx.Client) -> None:
    assert client.get("/v1/vehicles?large").headers["content-encoding"] == "gzip"


def test_no_query_string_is_logged(tmp_path: Path) -> None:
    text = edge.render(tmp_path, edge.EdgeSettings(listen="127.0.0.1:1", upstreams={}), {})
    log = next(line for line in text.split("log_format")[1].split(";") if "path" in line)
    assert "$uri" in log
    assert "$request_uri" not in log
    assert "$args" not in log
