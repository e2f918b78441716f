"""Malformed MQTT: what a port on the network gets to hear. Drawn from a seed; no two runs need differ."""

import asyncio
import contextlib
import random
from collections.abc import Iterator, Sequence

from services.shared.mqtt import packets
from services.telemetry.consumers.device import Credential

AT_ONCE = 40
LISTEN_S = 0.05


def signed_in(credential: Credential) -> bytes:
    """A good CONNECT, after which the garbage comes from an authenticated terminal."""
    return packets.connect(
        client_id=credential.username, username=credential.username, password=credential.password,
        clean_start=True, keep_alive_s=30, session_expiry_s=0, receive_maximum=10,
        maximum_packet_size=1 << 16,
    )  # fmt: skip


def drawn(chance: random.Random, credential: Credential) -> bytes:
    """One connection's worth of bytes."""
    good = signed_in(credential)
    return chance.choice(
        (
            lambda: chance.randbytes(chance.randint(1, 300)),
            lambda: good[: chance.randint(1, len(good) - 1)],
            lambda: mutated(chance, good),
            lambda: bytes((chance.choice((0x10, 0x30, 0x82)),)) + b"\xff\xff\xff\x7f" + chance.randbytes(50),
            lambda: good + bytes((chance.randrange(256),)) + chance.randbytes(chance.randint(0, 100)),
            lambda: good + mutated(chance, packets.publish(credential.topic, b"{}", packet_id=1)),
            lambda: good + mutated(chance, packets.subscribe(1, (credential.receipts_topic,), 1)),
            lambda: good + publish_to(chance),
        )
    )()


def mutated(chance: random.Random, packet: bytes) -> bytes:
    """A good packet with a few bytes changed, dropped or added."""
    found = bytearray(packet)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found))
        what = chance.randrange(3)
        if what == 0:
            found[at] = chance.randrange(256)
        elif what == 1 and len(found) > 1:
            del found[at]
        else:
            found.insert(at, chance.randrange(256))
    return bytes(found)


def publish_to(chance: random.Random) -> bytes:
    """A PUBLISH to a topic that is none: wildcards, NUL, lone surrogates, too long, empty."""
    topic = chance.choice(
        (b"#", b"v1/+/x", b"a\x00b", b"\xed\xa0\x80", b"x" * 60_000, b"", b"$SYS/broker", b"\xff\xfe")
    )
    return packets.publish(topic, b"{}", packet_id=chance.randint(1, 65_535))


async def attack(host: str, port: int, credentials: Sequence[Credential], count: int, seed: int) -> int:
    """Open so many connections one after the other, `AT_ONCE` at a time; how many the broker took up."""
    chance = random.Random(seed)
    bodies: Iterator[bytes] = (drawn(chance, chance.choice(credentials)) for _ in range(count))
    done = await asyncio.gather(*(_work(host, port, bodies) for _ in range(AT_ONCE)))
    return sum(done)


async def _work(host: str, port: int, bodies: Iterator[bytes]) -> int:
    done = 0
    for body in bodies:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            done += 1
            writer.write(body)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(4096), LISTEN_S)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return done
