"""A simulated terminal: it keeps what it has measured until a receipt comes, whatever breaks meanwhile.

The demo fleet, the simulator and the fault runs all drive this one.
"""

import asyncio
import json
import math
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Any, Final, NamedTuple, Self

from services.shared.clock import utc_now
from services.shared.mqtt import Connection, Message, MqttError, Options, connect

CAPACITY: Final = 5000
BACKFILL: Final = 50
"""Most fixes of one message."""
PER_TURN: Final = 400
LONGEST_RESEND: Final = 8
"""To how many times its first length the pause before sending again grows. A receipt can be lost while the
connection stands (ingest killed between its commit and the receipt), so it must not grow for ever."""
ACCEPTED: Final = 0x00
LOST: Final = (MqttError, OSError, TimeoutError)
"""What ends a connection, or does not let one begin."""

Key = tuple[int, int]
"""Boot and sequence number of a fix."""


class Credential(NamedTuple):
    """How a terminal signs in, as `POST /v1/terminal-batches` answers."""

    terminal_number: str
    username: str
    password: str
    topic: str
    receipts_topic: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """Read one item of the answer."""
        return cls(**{name: answer[name] for name in cls._fields})


@dataclass(slots=True)
class Ledger:
    """What a device has done; times in milliseconds, for fixes that needed one sending only."""

    recorded: int = 0
    sent: int = 0
    """Fixes published, each repetition counted."""
    receipted: int = 0
    overwritten: int = 0
    """Fixes that fell out of a full buffer before any receipt."""
    connections: int = 0
    puback_ms: "array[float]" = field(default_factory=lambda: array("f"))
    receipt_ms: "array[float]" = field(default_factory=lambda: array("f"))


@dataclass(slots=True)
class _Kept:
    payload: bytes
    sent_at: float = -math.inf
    times: int = 0


class Device:
    """One terminal.

    Args:
        credential: As provisioned.
        host: Of the broker.
        port: Of the broker.
        boot: The first value of its boot counter; default: the present second, as devices without one do.
        resend_s: How long it waits for a receipt before it sends again; doubled with each time while the
            connection stands, for the broker still has what it acknowledged, and repetitions would bury a
            platform that lags. After a reconnection all goes again at once.
        trusts_puback: Forgets a fix at its PUBACK: the weaker promise, for measuring what it costs.
    """

    def __init__(
        self,
        credential: Credential,
        host: str,
        port: int,
        *,
        boot: int | None = None,
        resend_s: float = 20.0,
        trusts_puback: bool = False,
    ) -> None:
        self.credential, self.ledger = credential, Ledger()
        self.boot = int(utc_now().timestamp()) if boot is None else boot
        self._resend_s, self._pause_s, self._trusts = resend_s, resend_s, trusts_puback
        self._opened_at = -math.inf
        self._options = Options(
            host=host, port=port, client_id=credential.username, username=credential.username,
            password=credential.password, clean_start=True, session_expiry_s=0, keep_alive_s=60,
            buffer_size=2048,
        )  # fmt: skip
        self._seq = 0
        self._fresh: OrderedDict[Key, _Kept] = OrderedDict()
        self._sent: OrderedDict[Key, _Kept] = OrderedDict()
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()

    @property
    def is_connected(self) -> bool:
        """Whether it is online."""
        return self._connection is not None and self._connection.is_open

    @property
    def waiting(self) -> int:
        """Fixes it keeps, not receipted yet."""
        return len(self._fresh) + len(self._sent)

    def record(self, fix: Mapping[str, Any]) -> Key:
        """Keep one fix under the next sequence number."""
        self._seq += 1
        key = (self.boot, self._seq)
        self._fresh[key] = _Kept(json.dumps({**fix, "boot": self.boot, "seq": self._seq}).encode())
        self.ledger.recorded += 1
        while self.waiting > CAPACITY:
            (self._sent or self._fresh).popitem(last=False)
            self.ledger.overwritten += 1
        return key

    def reboot(self) -> None:
        """Lose the connection and count the start; what it keeps survives in its flash memory."""
        self.hang_up()
        self.boot, self._seq = self.boot + 1, 0

    def hang_up(self) -> None:
        """Lose the connection without a word, as in a tunnel."""
        if self._connection is not None:
            self._connection.abort()

    async def open(self) -> Connection:
        """Give the open connection, made again when it was lost.

        Raises:
            MqttError, OSError, TimeoutError: the broker is away or refuses.
        """
        async with self._opening:  # a second connection of the same client id would end the first
            if self._connection is None or not self._connection.is_open:
                self._connection = await connect(self._options, self._read)
                self.ledger.connections += 1
                self._opened_at, self._pause_s = asyncio.get_running_loop().time(), self._resend_s
                await self._connection.subscribe(self.credential.receipts_topic)
            return self._connection

    async def publish(self, *, newest_first: bool = False) -> None:
        """Send what is new and what has waited too long for its receipt.

        Raises:
            MqttError, OSError, TimeoutError: the connection was lost; what was not receipted goes again.
        """
        connection = await self.open()
        due = list(self._due(asyncio.get_running_loop().time()))
        if newest_first:
            due.reverse()
        messages = [due[at : at + BACKFILL] for at in range(0, len(due), BACKFILL)]
        await asyncio.gather(*(self._deliver(connection, keys) for keys in messages))

    async def repeat(self) -> None:
        """Send the last fix once more although nothing asks for it.

        Raises:
            MqttError, OSError, TimeoutError: the connection was lost.
        """
        if self._sent:
            await self._deliver(await self.open(), [next(reversed(self._sent))])

    async def close(self) -> None:
        """Leave in good order."""
        if self._connection is not None and not self._connection.closed.done():
            await self._connection.disconnect()

    def _due(self, now: float) -> Iterator[Key]:
        """Give what to send now, oldest first; what was sent longest ago stands first among the sent."""
        if not self._sent:
            self._pause_s = self._resend_s
        before = max(now - self._pause_s, self._opened_at)
        old = list(islice(takewhile(lambda key: self._sent[key].sent_at < before, self._sent), PER_TURN))
        if old and self._sent[old[-1]].sent_at >= self._opened_at:
            self._pause_s = min(2 * self._pause_s, LONGEST_RESEND * self._resend_s)
        yield from old
        yield from islice(self._fresh, PER_TURN)

    async def _deliver(self, connection: Connection, keys: list[Key]) -> None:
        now = asyncio.get_running_loop().time()
        payloads = [kept.payload for key in keys if (kept := self._note_sent(key, now)) is not None]
        if not payloads:
            return
        body = payloads[0] if len(payloads) == 1 else b"[" + b",".join(payloads) + b"]"
        self.ledger.sent += len(payloads)
        reason = await connection.deliver(self.credential.topic, body)
        if reason != ACCEPTED:
            raise MqttError(f"not accepted: reason 0x{reason:02x}")
        self.ledger.puback_ms.append((asyncio.get_running_loop().time() - now) * 1000)
        if self._trusts:
            self._finish(keys, now)

    def _note_sent(self, key: Key, now: float) -> _Kept | None:
        kept = self._fresh.pop(key, None) or self._sent.pop(key, None)
        if kept is not None:
            kept.sent_at, kept.times = now, kept.times + 1
            self._sent[key] = kept
        return kept

    def _read(self, _: Connection, messages: list[Message]) -> None:
        now = asyncio.get_running_loop().time()
        for message in messages:
            if message.topic.decode() != self.credential.receipts_topic:
                continue
            receipt = json.loads(message.payload)
            for first, last in receipt["ranges"]:
                self._finish([(receipt["boot"], seq) for seq in range(first, last + 1)], now)

    def _finish(self, keys: list[Key], now: float) -> None:
        for key in keys:
            kept = self._sent.pop(key, None) or self._fresh.pop(key, None)
            if kept is None:
                continue
            self.ledger.receipted += 1
            if kept.times == 1:
                self.ledger.receipt_ms.append((now - kept.sent_at) * 1000)
