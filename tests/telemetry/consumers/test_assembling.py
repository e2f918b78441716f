"""No message holds up the others of its batch, whatever goes wrong with encoding them together."""

import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.shared.clock import utc_now
from services.shared.mqtt import Message
from services.telemetry.consumers import assembling
from services.telemetry.consumers.assembling import Assembler
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.topics import positions_topic


@pytest.fixture
async def worker(fresh_database_urls: dict[str, str]) -> Any:
    connection = await asyncpg.connect(fresh_database_urls["telemetry_worker"])
    for number in ("ONE", "TWO"):
        await connection.execute(
            "INSERT INTO telemetry.terminals"
            " (id, terminal_number, enterprise_id, secret_verifier, created_at)"
            " VALUES ($1, $2, $1, '', now())",
            uuid4(), number,
        )  # fmt: skip
    yield connection
    await connection.close()


def message(number: str, *seqs: int) -> Message:
    at = to_ms(utc_now()) - 60_000
    fixes = [{"time": at + seq, "lon": 122.0, "lat": 41.0, "boot": 1, "seq": seq} for seq in seqs]
    return Message(positions_topic(number).encode(), json.dumps(fixes).encode(), 1, dup=False)


async def test_what_cannot_be_encoded_together_is_taken_message_by_message(
    worker: "asyncpg.Connection[asyncpg.Record]", monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [message("ONE", *range(40)), message("TWO", 7, 8), message("ONE")]
    assembler = Assembler()
    batch, finished = await assembler.assemble(worker, [messages], utc_now(), redelivered=False)
    assert (batch.good, len(batch.parts)) == (42, 0)  # strangers go one by one
    together, told = await assembler.assemble(worker, [messages], batch.received_at, redelivered=False)
    assert (together.good, len(together.parts)) == (42, 1)

    def fail(*_: Any) -> None:
        raise ArithmeticError

    monkeypatch.setattr(assembling, "encode_many", fail)
    apart, also_told = await assembler.assemble(worker, [messages], batch.received_at, redelivered=False)
    assert (apart.good, len(apart.parts)) == (42, 0)
    together.split()
    assert sorted(apart.rows) == sorted(together.rows) == sorted(batch.rows)
    for each in (finished, told, also_told):
        numbers = [(name, n) for name, _, seqs in each.runs() for n in seqs]
        assert sorted(numbers) == sorted([*(("ONE", n) for n in range(40)), ("TWO", 7), ("TWO", 8)])


async def test_what_nobody_may_report_is_finished_all_the_same(
    worker: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await worker.execute("UPDATE telemetry.terminals SET kind = 'bridge' WHERE terminal_number = 'TWO'")
    batch, finished = await Assembler().assemble(
        worker, [[message("TWO", 7, 8)]], utc_now(), redelivered=False
    )
    assert (batch.good, [each.rejected.reason for each in batch.rejects]) == (0, ["unknown_terminal"] * 2)
    assert [n for _, _, seqs in finished.runs() for n in seqs] == [7, 8]
