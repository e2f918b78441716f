"""A JT/T 808 terminal over a real socket."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.factories import jt808

ANSWER_S = 10.0


class Message(NamedTuple):
    """What the platform sent; read here without the code under test."""

    msg_id: int
    serial: int
    body: bytes


@dataclass
class Device808:
    """One connection of one terminal."""

    phone: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_2019: bool = False
    serial: int = 0
    results: dict[int, int] = field(default_factory=dict)
    """Results of general answers by the serial they answer."""
    rest: bytes = b""

    def frame(self, msg_id: int, body: bytes = b"", **fields: object) -> bytes:
        """The next frame of this terminal."""
        self.serial = (self.serial + 1) % 65_536
        options = {"phone": self.phone, "serial": self.serial, "is_2019": self.is_2019, **fields}
        return jt808.frame(msg_id, body, **options)  # type: ignore[arg-type]

    def send(self, msg_id: int, body: bytes = b"", **fields: object) -> int:
        """Sends a message; gives its serial."""
        self.writer.write(self.frame(msg_id, body, **fields))
        return self.serial

    async def receive(self) -> Message:
        """The next message of the platform."""
        async with asyncio.timeout(ANSWER_S):
            while self.rest.count(b"\x7e") < 2:
                piece = await self.reader.read(4096)
                if not piece:
                    raise ConnectionResetError("closed by the platform")
                self.rest += piece
        _, raw, self.rest = self.rest.split(b"\x7e", 2)
        raw = raw.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
        start = 17 if raw[2] & 0x40 else 12
        message = Message(
            int.from_bytes(raw[:2], "big"), int.from_bytes(raw[start - 2 : start], "big"), raw[start:-1]
        )
        if message.msg_id == 0x8001:
            answered, _, result = struct.unpack("!HHB", message.body)
            self.results[answered] = result
        return message

    async def ask(self, msg_id: int, body: bytes = b"", **fields: object) -> Message:
        """Sends a message and gives the next answer."""
        self.send(msg_id, body, **fields)
        return await self.receive()

    async def result(self, msg_id: int, body: bytes = b"", **fields: object) -> int:
        """Sends a message and gives the result of its general answer."""
        serial = self.send(msg_id, body, **fields)
        while serial not in self.results:
            await self.receive()
        return self.results[serial]

    async def sign_in(self, code: str) -> int:
        """Shows the authentication code."""
        return await self.result(0x0102, jt808.authentication(code, 2019 if self.is_2019 else 2013))

    async def ended(self) -> bool:
        """Waits until the platform has closed the connection."""
        async with asyncio.timeout(ANSWER_S):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(4096):
                    pass
        return True


async def connect808(port: int, phone: str, *, is_2019: bool = False) -> Device808:
    """Opens a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return Device808(phone, reader, writer, is_2019)


@contextlib.asynccontextmanager
async def device808(
    port: int, phone: str, code: str | None = None, *, is_2019: bool = False
) -> AsyncIterator[Device808]:
    """A connection, signed in when a code is given."""
    found = await connect808(port, phone, is_2019=is_2019)
    try:
        if code is not None:
            assert await found.sign_in(code) == 0
        yield found
    finally:
        found.writer.close()
        with contextlib.suppress(ConnectionError):
            await found.writer.wait_closed()
