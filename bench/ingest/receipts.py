"""A burst at full speed: what has been receipted is stored, nothing is missing."""

import asyncio
import json
import signal
import tempfile
import time
from typing import Any

from bench.ingest.rates import fresh_ms
from bench.ingest.stage import Stage, ingest, until

WINDOW = 1000
_RECEIPT_PERIOD_S = 5.0


def burst(stage: Stage, messages: int) -> dict[str, Any]:
    """Publish so many positions as fast as the broker takes them, from terminals that read their receipts."""
    asyncio.run(stage.empty())
    with ingest(stage) as member, tempfile.TemporaryFile("w+") as output:
        figures = (messages, WINDOW, fresh_ms(), 1, 0)
        terminals = stage.start("dev", stage.terminals, *figures, output=output.fileno())
        until(lambda: member.counted() >= messages, 0.2)
        # Not a wait for something: a receipt is due within a period of its commit, and how many are there by
        # then is the figure.
        time.sleep(_RECEIPT_PERIOD_S + 1)
        terminals.send_signal(signal.SIGTERM)
        terminals.wait()
        output.seek(0)
        receipted = _receipted(output.read())
    stored = asyncio.run(_stored(stage))
    return {
        "published": messages, "receipted": len(receipted), "stored": len(stored),
        "receipted_missing": len(receipted - stored), "missing": messages - len(stored),
    }  # fmt: skip


def _receipted(output: str) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for line in output.splitlines():
        if line.startswith("R "):
            _, topic, payload = line.split(" ", 2)
            for first, last in json.loads(payload)["ranges"]:
                found.update((topic.split("/")[2], seq) for seq in range(first, last + 1))
    return found


async def _stored(stage: Stage) -> set[tuple[str, int]]:
    connection = await stage.connect()
    rows = await connection.fetch(
        "SELECT terminal_number, seq FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)"
    )
    await connection.close()
    return {(row[0], row[1]) for row in rows}
