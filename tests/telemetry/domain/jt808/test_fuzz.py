"""The short form of `make fuzz`: mutated frames and arbitrary bytes crash nothing and hang nothing."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz_jt808 import SEEDS, exercise, mutate


@given(st.binary(max_size=600) | st.lists(st.sampled_from([*SEEDS, b"\x7e", b"\x7d", b"{}"])).map(b"".join))
@settings(deadline=2000, max_examples=150)
def test_arbitrary_bytes(data: bytes) -> None:
    exercise(data)


def test_seeds() -> None:
    for seed in SEEDS:
        exercise(seed)


@given(st.integers(0, 2**32))
@settings(deadline=2000, max_examples=300)
def test_mutated_frames(seed: int) -> None:
    source = random.Random(seed)
    exercise(mutate(source, source.choice(SEEDS)))
