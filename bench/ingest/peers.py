"""What is usually written in Python: `python -m bench.ingest.peers insert|copy READER MESSAGES`.

- insert: paho, `json.loads`, one INSERT for each message, committed before the next.
- copy: paho with `manual_ack`, msgspec, one binary COPY for whatever waits, acknowledged after the commit.

Neither validates, counts, receipts or keeps latest positions. Prints "ready", then the monotonic seconds at
which the last message was committed.
"""

import asyncio
import json
import queue
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.rows import COLUMNS, HEADER, TRAILER, encode

MOST = 4000
_INSERT = """
    INSERT INTO telemetry.positions (terminal_key, time, content_hash, lon, lat, cell, speed_kmh, heading_deg,
        mileage_km, load_state, boot, seq, received_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, 1, $9, $10, now())
"""


def client(reader: dict[str, Any], *, manual_ack: bool) -> Client:
    """A paho client that takes a thousand messages at a time."""
    made = Client(
        CallbackAPIVersion.VERSION2, reader["user"], protocol=MQTTProtocolVersion.MQTTv5,
        manual_ack=manual_ack,
    )  # fmt: skip
    made.username_pw_set(reader["user"], reader["password"])
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = 1000

    def subscribe(mqtt: Client, *_: Any) -> None:
        mqtt.subscribe("v1/+/+/positions", qos=1)

    made.on_connect = subscribe
    made.on_subscribe = lambda *_: print("ready", flush=True)
    made.connect(reader["host"], reader["port"], properties=properties)
    return made


async def _keys(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    rows = await connection.fetch("SELECT terminal_number, terminal_key FROM telemetry.terminals")
    return {row[0]: row[1] for row in rows}


def insert(reader: dict[str, Any], messages: int) -> None:
    """One INSERT for each message, in paho's own loop."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(reader["database"]))
    keys = loop.run_until_complete(_keys(connection))
    stored = 0

    def store(mqtt: Client, _: Any, message: MQTTMessage) -> None:
        nonlocal stored
        fix = json.loads(message.payload)
        at = datetime.fromtimestamp(fix["time"] / 1000, UTC)
        key = keys[message.topic.split("/")[2]]
        values = (fix["lon"], fix["lat"], fix["speed_kmh"], fix["heading_deg"], fix["mileage_km"])
        statement = connection.execute(_INSERT, key, at, fix["seq"], *values, fix["boot"], fix["seq"])
        loop.run_until_complete(statement)
        stored += 1
        if stored == messages:
            mqtt.disconnect()

    mqtt = client(reader, manual_ack=False)
    mqtt.on_message = store
    mqtt.loop_forever()
    print(time.monotonic(), flush=True)


async def copy(reader: dict[str, Any], messages: int) -> None:
    """One COPY for whatever waits; paho reads in a thread of its own."""
    connection = await asyncpg.connect(reader["database"])
    keys = await _keys(connection)
    waiting: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
    decode = msgspec.json.Decoder(Fix).decode
    mqtt = client(reader, manual_ack=True)
    mqtt.on_message = lambda _mqtt, _data, message: waiting.put(message)
    mqtt.loop_start()
    stored = 0
    while stored < messages:
        taken = [await asyncio.to_thread(waiting.get)]
        while len(taken) < MOST and not waiting.empty():
            taken.append(waiting.get())
        fixes = [(keys[message.topic.split("/")[2]], decode(message.payload)) for message in taken]
        now_ms = int(time.time() * 1000)
        rows = [encode(key, int(fix.time), fix, now_ms)[3] for key, fix in fixes]  # type: ignore[arg-type]  # a number

        async def source(rows: list[bytes] = rows) -> AsyncIterator[bytes]:
            yield b"".join([HEADER, *rows, TRAILER])

        await connection.copy_to_table(
            "positions", schema_name="telemetry", source=source(), columns=COLUMNS, format="binary"
        )
        for message in taken:
            mqtt.ack(message.mid, message.qos)
        stored += len(taken)
    print(time.monotonic(), flush=True)
    mqtt.loop_stop()


def main() -> None:
    """Run one of them."""
    kind, reader, messages = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
    if kind == "insert":
        insert(reader, messages)
    else:
        asyncio.run(copy(reader, messages))


if __name__ == "__main__":
    main()
