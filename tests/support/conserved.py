"""What the database holds of a run of simulated terminals, row by row."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.telemetry.consumers.device import Device
from tests.support.telemetry_stage import Stage
from tests.support.waiting import eventually

_STORED = """
    SELECT terminal_number, count(*) AS rows, count(DISTINCT (boot, seq)) AS distinct
    FROM telemetry.positions JOIN telemetry.terminals USING (terminal_key)
    WHERE terminal_number = any($1) GROUP BY 1
"""
_NOT_NEWEST = """
    SELECT count(*) FROM telemetry.terminals t LEFT JOIN telemetry.latest_positions l USING (terminal_key)
    WHERE terminal_number = any($1) AND l.time IS DISTINCT FROM
        (SELECT max(time) FROM telemetry.positions p WHERE p.terminal_key = t.terminal_key)
"""
_SUMS = """
    SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,
        sum(quarantined) AS quarantined
    FROM telemetry.ingest_accounting WHERE terminal_number = any($1)
"""


@dataclass(frozen=True)
class Conserved:
    """Counted over terminals, so that one's surplus cannot hide another's loss."""

    recorded: int
    missing: int
    twice: int
    received: int
    duplicate: int


async def compare(stage: Stage, devices: Iterable[Device]) -> Conserved:
    """Compare what devices have measured with what is stored, when everything has been folded.

    Raises:
        AssertionError: Accounts do not close, or a latest position is not the newest.
    """
    known = {device.credential.terminal_number: device.ledger.recorded for device in devices}
    async with stage.superuser() as connection:

        async def is_folded() -> bool:
            return not await connection.fetchval("SELECT count(*) FROM telemetry.ingest_batches")

        await eventually(is_folded, 60)
        numbers = list(known)
        stored = {row["terminal_number"]: row for row in await connection.fetch(_STORED, numbers)}
        assert await connection.fetchval(_NOT_NEWEST, numbers) == 0
        sums = await connection.fetchrow(_SUMS, numbers)
    rows = sum(row["rows"] for row in stored.values())
    assert sums is not None
    assert sums["stored"] == rows
    assert sums["quarantined"] == 0
    assert sums["received"] == sums["stored"] + sums["duplicate"]
    return Conserved(
        recorded=sum(known.values()),
        missing=sum(
            count - (stored[name]["distinct"] if name in stored else 0) for name, count in known.items()
        ),
        twice=sum(row["rows"] - row["distinct"] for row in stored.values()),
        received=sums["received"],
        duplicate=sums["duplicate"],
    )
