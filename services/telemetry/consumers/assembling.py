"""Assembling a batch: messages are decoded and judged, and what its commit finishes is listed for receipts.

The common message, positions of a known terminal in the platform's own form, takes one typed decoding; its
fixes are judged and encoded together with those of the whole batch. Everything else goes the careful way.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import asyncpg
import numpy as np

from services.shared.logs import get_log
from services.shared.mqtt import Message
from services.telemetry.consumers.documents import Documents
from services.telemetry.domain.columns import encode_many
from services.telemetry.domain.fixes import MAX_FIXES, UNDECODABLE, Fix, Rejected, decode, decode_typed
from services.telemetry.domain.instants import to_ms
from services.telemetry.domain.receipts import Finished
from services.telemetry.domain.rows import encode
from services.telemetry.domain.topics import terminal_of
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.queries.terminals import find_terminal_keys

TERMINALS_REMEMBERED = 100_000
log = get_log(__name__)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class _Sender(NamedTuple):
    """The terminal of a topic."""

    number: str
    key: int


class _Work:
    """One batch while it is put together."""

    def __init__(self, received_at: datetime, *, redelivered: bool) -> None:
        self.now_ms = to_ms(received_at)
        self.batch = Batch(received_at, redelivered=redelivered)
        self.finished = Finished()
        self.documents = Documents(self.batch, self.now_ms)
        self.keys: list[int] = []
        self.numbers: list[str] = []
        self.counts: list[int] = []
        self.payloads: list[bytes] = []
        self.fixes: list[Fix] = []

    def take_apart(self, number: str, key: int | None, payload: bytes) -> None:
        """Take a message that is not simply good positions of a known terminal."""
        try:
            accepted, rejected = decode(payload, self.now_ms)
        except Exception as error:  # noqa: BLE001  no message holds up the others, whatever is in it
            accepted, rejected = [], [Rejected("undecodable", type(error).__name__, payload)]
        if (rejected or key is None) and self.documents.take(number, key, payload):
            return
        if key is None:
            rejected += [
                Rejected("unknown_terminal", number, payload, fix.boot, fix.seq) for _, fix in accepted
            ]
        else:
            for time_ms, fix in accepted:
                self.batch.rows.append(encode(key, time_ms, fix, self.now_ms))
                self.finished.add(number, fix.boot, fix.seq)
        for item in rejected:
            self.batch.rejects.append(Quarantine(number, key, item))
            self.finished.add(number, item.boot, item.seq)

    def encode(self) -> None:
        """Judge and encode the well-formed fixes taken so far: together, or else message by message."""
        try:
            self._encode_together()
        except Exception:  # no message holds up the others, whatever is in it
            log.exception("fixes_not_encoded_together", messages=len(self.keys))
            for number, key, payload in zip(self.numbers, self.keys, self.payloads, strict=True):
                self.take_apart(number, key, payload)
        self.keys, self.numbers, self.counts, self.payloads, self.fixes = [], [], [], [], []

    def _encode_together(self) -> None:
        keys = np.repeat(np.array(self.keys, np.int64), self.counts)
        parts, rows, rejected, boots, seqs = encode_many(keys, self.fixes, self.now_ms)
        self.batch.parts += parts
        self.batch.rows += rows
        if rejected:
            message_of = np.repeat(np.arange(len(self.counts)), self.counts).tolist()
            for index, item in rejected:
                message = message_of[index]
                self.batch.rejects.append(Quarantine(self.numbers[message], self.keys[message], item))
        self.finished.extend(self.numbers, self.counts, boots, seqs)


class Assembler:
    """Puts batches together; it remembers the terminals it has met."""

    def __init__(self) -> None:
        self._senders: dict[bytes, _Sender] = {}

    async def assemble(
        self,
        connection: Connection,
        portions: Sequence[Sequence[Message]],
        received_at: datetime,
        *,
        redelivered: bool,
    ) -> tuple[Batch, Finished]:
        """Decode and judge messages; ``redelivered`` when some may be stored already.

        Between portions others have their turn: the batch before this one is on its way to the database.
        """
        work = _Work(received_at, redelivered=redelivered)
        strangers: list[Message] = []
        for turn, portion in enumerate(portions):
            if turn:
                await asyncio.sleep(0)
            strangers += self._sort(portion, work)
            work.encode()
        if strangers:
            numbers = await self._meet(connection, {message.topic for message in strangers})
            for topic, payload, *_ in strangers:
                sender = self._senders.get(topic)
                work.take_apart(numbers[topic], sender.key if sender else None, payload)
        await work.documents.resolve(connection)
        return work.batch, work.finished

    def _sort(self, messages: Iterable[Message], work: _Work) -> list[Message]:
        """Take the messages of terminals met before; give the others."""
        senders, strangers = self._senders, []
        keys, numbers, counts, payloads, fixes = (
            work.keys, work.numbers, work.counts, work.payloads, work.fixes,
        )  # fmt: skip
        for message in messages:
            topic, payload, _, dup = message
            if dup:
                work.batch.redelivered = True
            sender = senders.get(topic)
            if sender is None:
                strangers.append(message)
                continue
            try:
                decoded = decode_typed(payload)
            except UNDECODABLE:
                work.take_apart(*sender, payload)
                continue
            number, key = sender
            if type(decoded) is Fix:
                counts.append(1)
                fixes.append(decoded)
            elif len(decoded) <= MAX_FIXES:
                counts.append(len(decoded))
                fixes.extend(decoded)
            else:
                work.take_apart(*sender, payload)
                continue
            keys.append(key)
            numbers.append(number)
            payloads.append(payload)
        return strangers

    async def _meet(self, connection: Connection, topics: set[bytes]) -> dict[bytes, str]:
        """Give the numbers of topics not met before; who is unknown is asked for again with each batch."""
        if len(self._senders) > TERMINALS_REMEMBERED:
            self._senders.clear()
        numbers = {topic: terminal_of(topic) for topic in topics}
        keys = await find_terminal_keys(connection, sorted(set(numbers.values())))
        self._senders.update(
            {topic: _Sender(number, keys[number]) for topic, number in numbers.items() if number in keys}
        )
        return numbers
