"""A gateway of our own that answers as LOGINK is taken to: signatures, nonces and times are held to."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response

from tests.support.ports import unused_port
from tests.support.waiting import eventually

KEY, SECRET = "testkey", "testsecret"
WINDOW_MS = 15 * 60 * 1000

Answer = Callable[[], Awaitable[Response]]


@dataclass
class Gateway:
    """What it knows, and how it behaves."""

    now_ms: int
    vehicles: set[tuple[str, str]] = field(default_factory=set)
    firms: list[dict[str, Any]] = field(default_factory=list)
    misbehave: Answer | None = None
    """Answers in place of the gateway once the request was found good."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    nonces: dict[str, int] = field(default_factory=dict)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        body = await request.body()
        fault = self._fault(request, body)
        if fault is not None:
            self.refused.append(fault)
            return Response(status_code=403, headers={"X-Ca-Error-Message": fault})
        question = json.loads(body)
        self.asked.append((request.url.path, question))
        if self.misbehave is not None:
            return await self.misbehave()
        return answer(self._data(request.url.path, question))

    def _data(self, path: str, question: dict[str, Any]) -> Any:
        if path.endswith("checkVehicleExist"):
            pair = question["vehicleNumber"], question["licensePlateTypeCode"]
            return {"exist": pair in self.vehicles}
        return [firm for firm in self.firms if question["enterpriseName"][:4] in firm["enterpriseName"]]

    def _fault(self, request: Request, body: bytes) -> str | None:
        headers = request.headers
        if headers.get("content-md5") != base64.b64encode(hashlib.md5(body).digest()).decode():  # noqa: S324 - the protocol's
            return "Invalid Content-MD5"
        # Written anew from the protocol's description, so that it can disagree with the client.
        names = sorted(headers["x-ca-signature-headers"].split(","))
        text = f"POST\n{headers['accept']}\n{headers['content-md5']}\n{headers['content-type']}\n\n"
        text += "".join(f"{name}:{headers[name.lower()]}\n" for name in names) + request.url.path
        expected = base64.b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha256")).decode()
        if headers["x-ca-key"] != KEY or headers["x-ca-signature"] != expected:
            return "Invalid Signature"
        if {"X-Ca-Key", "X-Ca-Nonce", "X-Ca-Timestamp"} - set(names):
            return "Unsigned Header"
        if abs(int(headers["x-ca-timestamp"]) - self.now_ms) > WINDOW_MS:
            return "Invalid Timestamp"
        seen = self.nonces.get(headers["x-ca-nonce"])
        if seen is not None and self.now_ms - seen <= WINDOW_MS:
            return "Nonce Used"
        self.nonces[headers["x-ca-nonce"]] = self.now_ms
        return None


def answer(data: Any, code: Any = "100000") -> Response:
    """An answer in the agreed form."""
    body = json.dumps({"code": code, "message": "", "data": data}, ensure_ascii=False)
    return Response(body, media_type="application/json", headers={"X-Ca-Request-Id": "REQ-1"})


def app_of(gateway: Gateway) -> FastAPI:
    """The gateway as an app."""
    app = FastAPI()
    app.add_api_route("/{path:path}", gateway.__call__, methods=["POST"], response_model=None)
    return app


@asynccontextmanager
async def served(gateway: Gateway) -> AsyncIterator[str]:
    """The gateway on a loopback port; its address."""
    port = unused_port()
    config = uvicorn.Config(
        app_of(gateway), port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await eventually(started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await running
