"""The runner of every process that is not an HTTP API: tasks, health, metrics, a clean end.

A task that fails ends the process with a non-zero status; the supervisor starts it again. There is no
retry here that could hide a fault.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from services.shared.app import Check, health_router
from services.shared.faults import install_handlers
from services.shared.logs import configure_logs, get_log
from services.shared.settings import KernelSettings

Task = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""A long-running coroutine function that returns soon after the event is set."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _always_ready() -> None:
    return None


def run(name: str, settings: KernelSettings, *tasks: Task, ready: Check = _always_ready) -> None:
    """Run `tasks` until SIGTERM or SIGINT, with `/healthz`, `/readyz` and `/metrics` on `settings.port`.

    Args:
        name: The process, as logs and metrics call it.
        settings: Gives host and port.
        tasks: What the process does.
        ready: Raises while the process must not be counted on.

    Raises:
        ExceptionGroup: What made a task fail.
    """
    configure_logs(name)
    asyncio.run(_run(name, settings, tasks, ready))


async def _run(name: str, settings: KernelSettings, tasks: tuple[Task, ...], ready: Check) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    install_handlers(app)
    app.include_router(health_router(ready))
    config = uvicorn.Config(
        app, settings.host, settings.port, log_config=None, access_log=False, lifespan="off"
    )
    server = _Server(config)
    log = get_log(name)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        running = [group.create_task(task(stop)) for task in tasks]
        log.info("process_started", port=settings.port)
        await stop.wait()
        await asyncio.gather(*running)
        server.should_exit = True
        await serving
    log.info("process_ended")


async def every(seconds: float, stop: asyncio.Event, job: Callable[[], Awaitable[None]]) -> None:
    """Run `job` now and then every `seconds` until `stop` is set."""
    while not stop.is_set():
        await job()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
