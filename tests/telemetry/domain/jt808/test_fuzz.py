"""The short form of `make fuzz`: mutated frames and arbitrary bytes crash nothing and hang nothing."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz_jt808 import SEEDS, exercise, mutate


def is_told(line: dict[str, Any]) -> bool:
    """A line is a message, or says what is wrong."""
    return "msg_id" in line or "error" in line


@given(st.binary(max_size=600) | st.lists(st.sampled_from([*SEEDS, b"\x7e", b"\x7d", b"{}"])).map(b"".join))
@settings(deadline=2000, max_examples=150)
def test_arbitrary_bytes(data: bytes) -> None:
    assert all(is_told(line) for line in exercise(data))


def test_seeds() -> None:
    lines = [line for seed in SEEDS for line in exercise(seed)]
    assert all(is_told(line) for line in lines)
    assert {"0x0200", "0x0704"} <= {line["msg_id"] for line in lines if "error" not in line}


@given(st.integers(0, 2**32))
@settings(deadline=2000, max_examples=300)
def test_mutated_frames(seed: int) -> None:
    source = random.Random(seed)
    assert all(is_told(line) for line in exercise(mutate(source, source.choice(SEEDS))))
