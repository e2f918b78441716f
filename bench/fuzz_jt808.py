"""Coverage-guided fuzzing of everything that reads a terminal's bytes: no crash, no hang.

    make fuzz SECONDS=600

With `atheris` in the venv (`.venv/bin/pip install atheris`; it is no part of the locked requirements)
libFuzzer steers by coverage. Without it the same target runs on random mutations of frames, which the tests
do for a moment on every run. A crash, or an input that takes over five seconds, ends it with the input shown.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.telemetry.consumers.decode_jt808 import Decoder
from services.telemetry.domain.documents import read_document
from services.telemetry.domain.fixes import decode
from services.telemetry.domain.jt808.bodies import Version, read_body
from services.telemetry.domain.jt808.frames import Frame, read_frame, terminal_number, write_frame
from services.telemetry.domain.jt808.framing import Framer, escape
from services.telemetry.domain.jt808.judging import judge_message
from services.telemetry.domain.jt808.packages import Assembler

HANG_S = 5.0
NOW_MS = 1_770_000_000_000
VERSIONS: tuple[Version | None, ...] = (None, 2011, 2013, 2019)
LOCATION = bytes.fromhex("00000002000C0103027371000746A3F0000501C8005A250601083000")
ITEMS = bytes.fromhex("01040001E24002020163030201C230011931010C0602FF4C110501000000071206010000000101")
REGISTRATION = bytes.fromhex("0015044F504A303031") + bytes(54) + b"PJ00001" + bytes(23) + b"\x02LD12345"
SEEDS = [
    write_frame(Frame(*head, body))
    for head, body in (
        ((0x0200, 0, 0, bytes(6), 7, 0, 0), LOCATION + ITEMS),
        ((0x0200, 0x4000, 1, bytes(10), 7, 0, 0), LOCATION + ITEMS),
        ((0x0704, 0, 0, bytes(6), 8, 0, 0), b"\0\2\1" + 2 * (b"\0\x1c" + LOCATION)),
        ((0x0704, 0x2000, 0, bytes(6), 9, 2, 1), b"\0\1\1\0\x1c" + LOCATION),
        ((0x0704, 0x2000, 0, bytes(6), 10, 2, 2), LOCATION),
        ((0x0100, 0x4000, 1, bytes(10), 1, 0, 0), REGISTRATION),
        ((0x0102, 0x4000, 1, bytes(10), 2, 0, 0), b"\x04code" + bytes(35)),
        ((0x0102, 0, 0, bytes(6), 2, 0, 0), b"code"),
        ((0x0001, 0, 0, bytes(6), 3, 0, 0), b"\0\1\x83\0\0"),
    )
] + [
    # Longer than any double, and half of a surrogate pair, wherever JSON can have them.
    b'{"time":"\\ud800","lon":1,"lat":1}',
    b'{"time":17e8,"lon":1,"lat":1,"load_state":"\\ud800"}',
    b'[{"time":"\\ud800","lon":1,"lat":1},{"time":17e8,"lon":1,"lat":1}]',
    b'{"_type":"location","tst":"\\ud800","lon":1,"lat":1}',
    b'{"position":{"speed":1' + 400 * b"0" + b'},"device":{}}',
    b'{"position":{"attributes":{"odometer":1' + 400 * b"0" + b'}},"device":{"uniqueId":"\\u0000"}}',
]


def exercise(data: bytes) -> list[dict[str, Any]]:
    """Read bytes in every way the platform does; give the lines that `make decode-jt808` has for them.

    Raises:
        AssertionError: a promise is violated.
    """
    size = data[0] + 1 if data else 1
    framer = Framer()
    cut = [frame for at in range(0, len(data), size) for frame in framer.feed(data[at : at + size])]
    assert cut == Framer().feed(data)  # noqa: S101  the promise
    assembler = Assembler()
    for escaped in cut:
        frame = read_frame(escaped)
        if isinstance(frame, Frame):
            again = read_frame(write_frame(frame)[1:-1])
            assert again == frame  # noqa: S101  the promise
            assembler.add(frame, 0.0)
        examine(frame if isinstance(frame, Frame) else None, escaped)
    assembler.overdue(100.0)
    decoder = Decoder()
    lines = [*decoder.feed(data), *decoder.finish()]
    json.dumps(lines, allow_nan=False).encode()
    decode(data, NOW_MS)
    read_document(data, NOW_MS)
    return lines


def examine(frame: Frame | None, data: bytes) -> None:
    """Read bytes as the body of each message, whatever their check byte says."""
    for body in [data] if frame is None else [frame.body, data]:
        judge_message(0x0200, body, NOW_MS)
        judge_message(0x0704, body, NOW_MS)
        for msg_id in (0x0001, 0x0100, 0x0102, 0x0200, 0x0201, 0x0704, 0x0801, 0x8100):
            for version in VERSIONS:
                asked = Frame(msg_id, len(body) & 0x4000, 1, body[:6].ljust(6, b"\0"), 1, 0, 0, body)
                read_body(asked, version)
        terminal_number(asked)


def mutate(source: random.Random, seed: bytes) -> bytes:
    """Change a seed at random: bits, bytes, cuts, doublings; often with a check byte that holds."""
    data = bytearray(seed)
    for _ in range(source.randrange(1, 6)):
        at = source.randrange(len(data) + 1)
        match source.randrange(5):
            case 0:
                data[at:at] = source.randbytes(source.randrange(1, 9))
            case 1:
                del data[at : at + source.randrange(1, 9)]
            case 2 if at < len(data):
                data[at] ^= 1 << source.randrange(8)
            case 3:
                data += source.choice(SEEDS)[at:]
            case _ if at < len(data):
                data[at] = source.choice(b"\x00\x7d\x7e\x01\x02\xff\x20\x40")
    if source.random() < 0.5:
        inner = bytes(data).strip(b"\x7e")[:-1].replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
        check = 0
        for byte in inner:
            check ^= byte
        return b"\x7e" + escape(inner + bytes((check,))) + b"\x7e"
    return bytes(data)


def run_random(seconds: float, seed: int) -> int:
    """Run mutations for so long; give how many."""
    source, done = random.Random(seed), 0
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        data = mutate(source, source.choice(SEEDS))
        try:
            exercise(data)
        except BaseException:
            print(f"input: {data.hex()}", file=sys.stderr)
            raise
        if time.monotonic() - began > HANG_S:
            raise SystemExit(f"hang: {data.hex()}")
        done += 1
    return done


def run_guided(fuzzer: Callable[..., object], seconds: int, corpus: Path) -> None:
    """Hand over to libFuzzer, which ends the process."""
    for number, seed in enumerate(SEEDS):
        (corpus / f"seed-{number}").write_bytes(seed)
    fuzzer([sys.argv[0], f"-max_total_time={seconds}", "-timeout=5", "-max_len=4096", str(corpus)])


def main(arguments: Sequence[str]) -> int:
    """Run the fuzzing."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--corpus", type=Path, help="directory kept between runs (with atheris)")
    options = parser.parse_args(arguments)
    try:
        import atheris  # noqa: PLC0415  only where it is installed
    except ImportError:
        done = run_random(options.seconds, options.seed)
        print(json.dumps({"bench": "fuzz_jt808", "guided": False, "inputs": done, "seed": options.seed}))
        return 0
    corpus = options.corpus or Path(f"/tmp/fuzz-jt808-{options.seed}")  # noqa: S108  a scratch of this run
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.instrument_all()

    def fuzz(argv: list[str]) -> None:
        atheris.Setup(argv, exercise)
        atheris.Fuzz()

    run_guided(fuzz, options.seconds, corpus)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
