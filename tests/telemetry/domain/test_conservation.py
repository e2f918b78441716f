"""Balances and quantiles against values worked out by hand."""

import statistics

from hypothesis import given
from hypothesis import strategies as st

from services.telemetry.domain.conservation import Account, Tally, balance, quantile


def test_what_agrees_is_conserved() -> None:
    found = balance([(Tally(10, 14, 10), Account(14, 10, 4, 0)), (Tally(), Account())])
    assert found.is_conserved
    assert (found.tally.sent, found.account.received) == (14, 14)


def test_one_terminals_surplus_does_not_hide_anothers_loss() -> None:
    found = balance([(Tally(10, 10, 10), Account(9, 9)), (Tally(10, 10, 10), Account(11, 11))])
    assert (found.lost, found.twice) == (1, 1)
    assert not found.is_conserved


def test_what_is_not_receipted_or_was_refused_is_not_conserved() -> None:
    assert balance([(Tally(10, 10, 9, 1), Account(9, 9))]).not_receipted == 1
    assert not balance([(Tally(10, 10, 9, 1), Account(9, 9))]).is_conserved
    assert not balance([(Tally(1, 2, 1), Account(2, 1, 0, 1))]).is_conserved


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.01, 0.5, 0.99, 1.0]))
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    values.sort()
    found = quantile(values, share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values)
    below = [value for value in values if value < found]
    assert len(below) < share * len(values)
    if share == 0.5:
        assert found == statistics.median_low(values)


def test_nothing_has_no_quantile() -> None:
    assert quantile([], 0.5) is None
