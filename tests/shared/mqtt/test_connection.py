"""The lean client against bytes cut anywhere; it acknowledges through its own connection only."""

import asyncio
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.shared.mqtt import Connection, Message, MqttError, Options, connect
from services.shared.mqtt.packets import pubacks, publish, read_connack, read_varint, varint
from tests.support.ports import unused_port

CONNACK = bytes([0x20, 9, 0, 0, 6, 0x21, 0, 10, 0x13, 0, 60])
OPTIONS = Options(host="127.0.0.1", port=1, client_id="x", buffer_size=64)


class Wire(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.aborted = True


def opened(on_messages: Callable[[Connection, list[Message]], None]) -> tuple[Connection, Wire]:
    wire, connection = Wire(), Connection(OPTIONS, on_messages)
    connection.connection_made(wire)
    feed(connection, CONNACK)
    wire.written = b""
    return connection, wire


def feed(connection: Connection, data: bytes) -> None:
    while data:
        room = connection.get_buffer(-1)
        part = data[: len(room)]
        room[: len(part)] = part
        room.release()
        connection.buffer_updated(len(part))
        data = data[len(part) :]


@given(st.integers(0, 268_435_455))
def test_variable_byte_integers(value: int) -> None:
    assert read_varint(varint(value) + b"rest", 0) == (value, len(varint(value)))
    # Section 1.5.5: seven bits a byte, least significant first.
    assert len(varint(value)) == max(1, -(-value.bit_length() // 7))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ab/", min_size=1, max_size=20), st.binary(max_size=300), st.integers(0, 65_535))
    ),
    st.lists(st.integers(1, 200), min_size=1),
)
async def test_messages_come_out_whole_however_the_stream_is_cut(
    sent: list[tuple[str, bytes, int]], cuts: list[int]
) -> None:
    received: list[Message] = []
    connection, wire = opened(lambda _, messages: received.extend(messages))
    stream = b"".join(publish(topic, payload, packet_id=number) for topic, payload, number in sent)
    index = 0
    while stream:
        size = cuts[index % len(cuts)]
        feed(connection, stream[:size])
        stream, index = stream[size:], index + 1
    assert [(m.topic.decode(), m.payload, m.packet_id) for m in received] == sent
    assert connection.acknowledge([number for *_, number in sent if number])
    assert wire.written == pubacks([number for *_, number in sent if number])
    connection.connection_lost(None)
    assert not connection.acknowledge([1])


@given(st.binary(max_size=200))
async def test_no_bytes_make_it_raise(data: bytes) -> None:
    received: list[Message] = []
    connection, _ = opened(lambda _, messages: received.extend(messages))
    feed(connection, data)
    assert sum(len(each.topic) + len(each.payload) for each in received) <= len(data)
    connection.connection_lost(None)
    assert not connection.acknowledge([1])


def test_connack_gives_the_servers_limits() -> None:
    answer = read_connack(CONNACK[2:])
    assert (answer.receive_maximum, answer.keep_alive_s, answer.reason) == (10, 60, 0)


async def test_who_waits_is_told_when_the_connection_goes() -> None:
    connection, _ = opened(lambda *_: None)
    waiting = asyncio.create_task(connection.deliver("t", b""))
    await asyncio.sleep(0)
    connection.connection_lost(ConnectionResetError())
    with pytest.raises(MqttError):
        await waiting


async def test_the_receive_maximum_of_the_server_holds() -> None:
    connection, wire = opened(lambda *_: None)
    tasks = [asyncio.create_task(connection.deliver("t", b"")) for _ in range(15)]
    await asyncio.sleep(0)
    assert wire.written.count(publish("t", b"")[2:5]) == 10
    for number in range(1, 16):
        feed(connection, pubacks([number]))
        await asyncio.wait([tasks[number - 1]], timeout=1)
    assert await asyncio.gather(*tasks) == [0] * 15
    connection.connection_lost(None)


async def test_a_refused_connect_names_the_reason() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(struct.pack("!BBBBB", 0x20, 3, 0, 0x87, 0))
        await writer.drain()
        await reader.read()
        writer.close()

    port = unused_port()
    async with await asyncio.start_server(refuse, "127.0.0.1", port):
        with pytest.raises(MqttError, match="0x87"):
            await connect(Options(host="127.0.0.1", port=port, client_id="x"), lambda *_: None)
