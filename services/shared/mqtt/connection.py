"""One MQTT 5 connection on an asyncio ``BufferedProtocol``.

A connection is one generation of a session: messages carry the connection that brought them, and an
acknowledgement goes out only through that same connection while it lives. So an acknowledgement can never
hit another message that was given the same packet id after a reconnect (reliability.md finding 6).
"""

import asyncio
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from services.shared.mqtt import packets
from services.shared.mqtt.incoming import Message, take

MALFORMED_CONNECT_TIMEOUT_S = 10.0
PACKET_ID_MAX = 65_535
HEADER_MAX_BYTES = 5
SMALL_READ_BYTES = 400
"""A broker that holds small segments back until those before are acknowledged (Nagle: `set_tcp_nodelay` costs
it a quarter of its throughput) shall not wait for the commit, which is what the next bytes back wait for.
Larger reads show a stream where holding back makes for fewer and larger segments."""
QUICK_ACK = getattr(socket, "TCP_QUICKACK", socket.TCP_NODELAY)
"""Linux has it, and does not keep it set; elsewhere nothing is lost."""
FAILURE = 0x80


class MqttError(Exception):
    """The broker refused, or the connection is gone."""


OnMessages = Callable[["Connection", list[Message]], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to connect; ``session_expiry_s`` 0 with ``clean_start`` ends the session with the connection."""

    host: str
    port: int
    client_id: str
    username: str | None = None
    password: str | None = None
    clean_start: bool = False
    session_expiry_s: int = 7 * 86_400
    receive_maximum: int = 1000
    maximum_packet_size: int = 1 << 20
    keep_alive_s: int = 30
    buffer_size: int = 1 << 18


class Connection(asyncio.BufferedProtocol):
    """Protocol state of one connection; made by :func:`connect`."""

    def __init__(self, options: Options, on_messages: OnMessages) -> None:
        loop = asyncio.get_running_loop()
        self._loop, self._options, self._on_messages = loop, options, on_messages
        self._buffer = bytearray(options.buffer_size)
        self._filled = 0
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[list[int]]] = {}
        self._pinger: asyncio.TimerHandle | None = None
        self.connack: asyncio.Future[packets.Connack] = loop.create_future()
        self.closed: asyncio.Future[str] = loop.create_future()
        self.last_seen = loop.time()
        self.window = asyncio.Semaphore(1)

    # -- asyncio callbacks
    # -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT at once."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio promises it for TCP
        self._transport, self._socket = transport, transport.get_extra_info("socket")
        options = self._options
        transport.write(
            packets.connect(
                client_id=options.client_id,
                username=options.username,
                password=options.password,
                clean_start=options.clean_start,
                keep_alive_s=options.keep_alive_s,
                session_expiry_s=options.session_expiry_s,
                receive_maximum=options.receive_maximum,
                maximum_packet_size=options.maximum_packet_size,
            )
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail everything that waits for an answer."""
        self._transport = None
        if self._pinger is not None:
            self._pinger.cancel()
        reason = f"connection lost: {exc}" if exc else "connection closed by the broker"
        if not self.closed.done():
            self.closed.set_result(reason)
        waiters: list[asyncio.Future[Any]] = [self.connack, *self._waiting.values()]
        for waiting in waiters:
            if not waiting.done():
                waiting.set_exception(MqttError(self.closed.result()))
                waiting.exception()  # retrieved: nobody needs to be listening
        self._waiting.clear()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the protocol's signature
        """Give the free end of the buffer."""
        return memoryview(self._buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take every whole packet that has arrived; hand all messages on in one call."""
        self.last_seen = self._loop.time()
        if nbytes < SMALL_READ_BYTES and self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, QUICK_ACK, 1)
        self._filled += nbytes
        data = bytes(memoryview(self._buffer)[: self._filled])
        messages: list[Message] = []
        try:
            used = take(data, messages, self._handle)
        except (ValueError, IndexError) as error:
            self._fail(f"malformed packet: {error}")
            return
        self._filled -= used
        if self._filled > self._options.maximum_packet_size + HEADER_MAX_BYTES:
            self._fail("packet larger than announced")
            return
        if self._filled:
            self._buffer[: self._filled] = data[used:]
            if self._filled == len(self._buffer):
                self._buffer += bytes(len(self._buffer))
        if messages:
            self._on_messages(self, messages)

    # -- incoming
    # ----------------------------------------------------------------------------------------------

    def _handle(self, kind: int, body: bytes) -> None:
        if kind == packets.PUBACK:
            self._resolve(body, [body[2]] if len(body) > 2 else [0])  # noqa: PLR2004  id, then the reason
        elif kind == packets.SUBACK:
            self._resolve(body, packets.read_suback(body))
        elif kind == packets.CONNACK:
            self._connected(packets.read_connack(body))
        elif kind == packets.DISCONNECT_IN:
            self._fail(f"the broker disconnected: reason 0x{body[0] if body else 0:02x}")
        elif kind != packets.PINGRESP:
            raise ValueError(f"unexpected packet 0x{kind:02x}")

    def _connected(self, answer: packets.Connack) -> None:
        if answer.reason >= FAILURE:
            self.connack.set_exception(MqttError(f"the broker refused: reason 0x{answer.reason:02x}"))
            self._fail("refused")
            return
        self.window = asyncio.Semaphore(answer.receive_maximum)
        self.connack.set_result(answer)
        self._schedule_ping(answer.keep_alive_s or self._options.keep_alive_s)

    def _resolve(self, body: bytes, reasons: list[int]) -> None:
        waiting = self._waiting.pop(int.from_bytes(body[:2], "big"), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(reasons)

    def _schedule_ping(self, keep_alive_s: float) -> None:
        def ping() -> None:
            if self._loop.time() - self.last_seen > 1.5 * keep_alive_s:
                self._fail("no answer from the broker within the keep-alive time")
            elif self._transport is not None:
                self._transport.write(packets.PINGREQ)
                self._schedule_ping(keep_alive_s)

        self._pinger = self._loop.call_later(keep_alive_s / 2, ping)

    def _fail(self, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
        if self._transport is not None:
            self._transport.abort()

    # -- outgoing
    # ----------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether CONNACK has come and the transport still stands."""
        return self._transport is not None and not self.closed.done() and self.connack.done()

    def acknowledge(self, packet_ids: Iterable[int]) -> bool:
        """Acknowledge messages this connection delivered; False when it is gone (they will come again)."""
        if self._transport is None or self.closed.done():
            return False
        self._transport.write(packets.pubacks(packet_ids))
        return True

    def publish(self, messages: Iterable[tuple[str | bytes, bytes]]) -> bool:
        """Publish (topic, payload) pairs at QoS 0 in one write; False when the connection is gone."""
        if self._transport is None or self.closed.done():
            return False
        self._transport.write(b"".join([packets.publish(topic, payload) for topic, payload in messages]))
        return True

    async def deliver(self, topic: str, payload: bytes) -> int:
        """Publish at QoS 1, wait for PUBACK, give its reason code (0x10: nobody subscribed, not delivered).

        Raises:
            MqttError: the connection went away first.
        """
        async with self.window:
            packet_id, answer = self._expect()
            self._write(packets.publish(topic, payload, packet_id=packet_id))
            return (await answer)[0]

    async def subscribe(self, *filters: str, qos: int = 1) -> None:
        """Subscribe and wait for SUBACK.

        Raises:
            MqttError: the broker refused a filter, or the connection went away.
        """
        packet_id, answer = self._expect()
        self._write(packets.subscribe(packet_id, filters, qos))
        refused = [reason for reason in await answer if reason >= FAILURE]
        if refused:
            raise MqttError(f"subscription refused: reason 0x{refused[0]:02x}")

    async def disconnect(self) -> None:
        """Leave in good order and wait until the transport is closed."""
        if self._transport is not None:
            self._transport.write(packets.DISCONNECT)
            self._transport.close()
        await self.closed

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._fail("aborted")

    def _expect(self) -> tuple[int, asyncio.Future[list[int]]]:
        if self._transport is None or self.closed.done():
            raise MqttError("not connected")
        while True:
            self._next_id = self._next_id % PACKET_ID_MAX + 1
            if self._next_id not in self._waiting:
                break
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._waiting[self._next_id] = answer
        return self._next_id, answer

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


async def connect(options: Options, on_messages: OnMessages) -> Connection:
    """Open a connection and wait for CONNACK.

    Raises:
        MqttError: the broker refused or did not answer.
        OSError: no connection could be made.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(MALFORMED_CONNECT_TIMEOUT_S):
        _, connection = await loop.create_connection(
            lambda: Connection(options, on_messages), options.host, options.port
        )
        try:
            await connection.connack
        except BaseException:
            connection.abort()
            raise
    return connection
