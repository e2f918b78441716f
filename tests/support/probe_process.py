"""`python -m tests.support.probe_process sequencer|follower '{…}'`: a process to be killed."""

import asyncio
import json
import sys
from pathlib import Path

from services.shared.changes import run_sequencer
from services.shared.db import Database
from services.shared.follow import run_follower
from services.shared.logs import configure_logs
from tests.support.probe import Keys, apply, cursors, feed, reset, source, source_client


def _say_started() -> None:
    configure_logs("probe")
    sys.stdout.write("started\n")
    sys.stdout.flush()


async def _sequencer(given: dict[str, str]) -> None:
    _say_started()
    await run_sequencer(feed, Database(given["probe"]), asyncio.Event())


async def _follower(given: dict[str, str]) -> None:
    keys = Keys(given["private"], Path(given["public"]))
    async with source_client(given["probe"], keys) as client:
        mirror = Database(given["mirror"])
        _say_started()
        await run_follower(mirror, cursors, source(client), apply, asyncio.Event(), reset=reset)


if __name__ == "__main__":
    asyncio.run({"sequencer": _sequencer, "follower": _follower}[sys.argv[1]](json.loads(sys.argv[2])))
