"""Reading server-sent events (WHATWG HTML §9.2.6) from a server on a port."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from tests.support.ports import unused_port
from tests.support.waiting import eventually


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The app on a port of its own, in this loop; its address."""
    port = unused_port()
    server = _Server(
        uvicorn.Config(app, "127.0.0.1", port, log_config=None, access_log=False, lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    await eventually(lambda: _now(server.started))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def _now(holds: bool) -> bool:
    return holds


@dataclass
class Client:
    """What an EventSource knows: the last id, and everything it was told."""

    last_id: str = ""
    retry_ms: int | None = None
    comments: int = 0
    events: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    """When (monotonic), the event's name, its data."""
    shown: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Features by id, as a map would show them."""

    def take(self, block: list[str]) -> None:
        """Take one block of lines."""
        name, data = "message", ""
        self.comments += sum(line.startswith(":") for line in block)
        for line in block:
            member, _, value = line.partition(":")
            match member, value.removeprefix(" "):
                case "id", text:
                    self.last_id = text
                case "event", text:
                    name = text
                case "data", text:
                    data += text
                case "retry", text:
                    self.retry_ms = int(text)
        if not data:
            return
        given = json.loads(data)
        self.events.append((time.monotonic(), name, given))
        if name == "positions":
            for feature in given["features"]:
                self.shown[feature["id"]] = feature
            for terminal_id in given["left"]:
                self.shown.pop(terminal_id, None)

    async def listen(self, address: str, headers: dict[str, str], **params: Any) -> httpx.Response:
        """Listen until the stream ends; resumes where it was."""
        resumed = {**headers, "Last-Event-ID": self.last_id} if self.last_id else headers
        async with (
            httpx.AsyncClient(base_url=address, timeout=30) as http,
            http.stream("GET", "/v1/position-stream", params=params, headers=resumed) as answer,
        ):
            if answer.status_code != 200:
                await answer.aread()
                return answer
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            block: list[str] = []
            async for line in answer.aiter_lines():
                if line:
                    block.append(line)
                else:
                    self.take(block)
                    block = []
            return answer

    @contextlib.asynccontextmanager
    async def listening(self, address: str, headers: dict[str, str], **params: Any) -> AsyncIterator[None]:
        """Listen while the block runs, then hang up."""
        before = len(self.events), self.comments
        task = asyncio.create_task(self.listen(address, headers, **params))
        try:
            await eventually(lambda: _now(before != (len(self.events), self.comments) or task.done()))
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
