"""Receipts hold exactly the finished numbers, once per period or burst."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.receipts import Finished, PendingReceipts, receipts, to_ranges


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers_and_are_few(numbers: list[int]) -> None:
    ranges = to_ranges(numbers)
    assert [n for first, last in ranges for n in range(first, last + 1)] == sorted(set(numbers))
    assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))


def finished(*positions: tuple[str, int | None, int | None]) -> Finished:
    found = Finished()
    for terminal, boot, seq in positions:
        found.add(terminal, boot, seq)
    return found


def test_a_receipt_waits_for_its_period_unless_there_is_a_burst() -> None:
    pending = PendingReceipts(period_s=5, burst=3)
    pending.add(finished(("a", 1, 1)), now=0)
    pending.add(finished(("b", 1, 1), ("a", 1, None), ("b", 1, 2)), now=1)
    assert pending.take_due(now=4.9) == []
    pending.add(finished(("b", 2, 1)), now=4.9)
    assert [(name, json.loads(body)) for name, body in pending.take_due(now=4.9)] == [
        ("b", {"boot": 1, "ranges": [[1, 2]]}),
        ("b", {"boot": 2, "ranges": [[1, 1]]}),
    ]
    assert [name for name, _ in pending.take_due(now=5)] == ["a"]
    assert pending.take_due(now=100) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=40))
def test_no_number_is_lost_or_receipted_twice(steps: list[tuple[str, float]]) -> None:
    pending, now = PendingReceipts(period_s=5, burst=4), 0.0
    out: list[tuple[str, int]] = []
    sent = [(name, index) for index, (name, _) in enumerate(steps)]
    for index, (name, pause) in enumerate(steps):
        now += pause
        pending.add(finished((name, 0, index)), now)
        out += _numbers(pending.take_due(now))
    out += _numbers(pending.take_due(now + 6))
    assert sorted(out) == sorted(sent)


runs = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.tuples(st.integers(0, 2), st.none() | st.integers(0, 9)))),
    max_size=8,
)


@given(runs)
def test_runs_of_positions_count_as_one_by_one(
    given_runs: list[tuple[str, list[tuple[int, int | None]]]],
) -> None:
    together, apart = PendingReceipts(period_s=5, burst=4), PendingReceipts(period_s=5, burst=4)
    found = Finished()
    for terminal, positions in given_runs:
        boots, seqs = [boot for boot, _ in positions], [seq for _, seq in positions]
        found.extend([terminal], [len(positions)], boots, seqs)
        apart.add(finished(*[(terminal, boot, seq) for boot, seq in positions]), now=0)
    together.add(found, now=0)
    assert together.take_due(now=0) == apart.take_due(now=0)
    assert together.take_due(now=6) == apart.take_due(now=6)


@given(st.sets(st.integers(2**53 - 9000, 2**53 - 1), max_size=5000))
def test_a_receipt_fits_into_a_packet(numbers: set[int]) -> None:
    found = receipts(2**53 - 1, numbers)
    assert all(len(payload) < 60_000 for payload in found)
    told = [pair for payload in found for pair in json.loads(payload)["ranges"]]
    assert told == to_ranges(numbers)


def test_every_other_number_of_many_is_told_in_several_receipts() -> None:
    pending, odd = PendingReceipts(period_s=5, burst=4), range(2**53 - 5001, 2**53, 2)
    pending.add(finished(*[("a", 1, number) for number in odd]), now=0)
    found = pending.take_due(now=0)
    assert [name for name, _ in found] == ["a"] * 3
    assert sorted(_numbers(found)) == [("a", number) for number in odd]


def _numbers(found: list[tuple[str, bytes]]) -> list[tuple[str, int]]:
    return [
        (name, n)
        for name, body in found
        for first, last in json.loads(body)["ranges"]
        for n in range(first, last + 1)
    ]
