"""Events of a waybill: only in order, only by who may report them, only at possible times."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.domain.waybills import EventKind, Party, WaybillStatus, refuse_event

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BOTH = frozenset(Party)
_WAYS = {
    ("loaded",),
    ("loaded", "departed"),
    ("loaded", "departed", "arrived"),
    ("loaded", "departed", "arrived", "signed"),
    ("cancelled",),
    ("loaded", "cancelled"),
}


@given(st.lists(st.sampled_from(EventKind), max_size=6))
def test_only_these_ways_can_be_gone(kinds: list[EventKind]) -> None:
    status, gone = WaybillStatus.CONSIGNED, []
    for kind in kinds:
        if refuse_event(kind, status, BOTH, NOW, NOW, NOW) is not None:
            break
        status = WaybillStatus(kind.value)
        gone.append(kind.value)
        assert tuple(gone) in _WAYS
    else:
        return
    assert (*gone, kind.value) not in _WAYS


@pytest.mark.parametrize("kind", [EventKind.LOADED, EventKind.DEPARTED, EventKind.ARRIVED])
def test_the_way_is_reported_by_the_carrier(kind: EventKind) -> None:
    before = {"loaded": "consigned", "departed": "loaded", "arrived": "departed"}[kind]
    status = WaybillStatus(before)
    assert refuse_event(kind, status, frozenset({Party.SHIPPER}), NOW, NOW, NOW) is not None
    assert refuse_event(kind, status, frozenset({Party.CARRIER}), NOW, NOW, NOW) is None


def test_times_run_forward_and_not_ahead() -> None:
    past, ahead = NOW - timedelta(hours=1), NOW + timedelta(minutes=5)
    kind, status = EventKind.LOADED, WaybillStatus.CONSIGNED
    assert refuse_event(kind, status, BOTH, past, past, NOW) is None
    assert refuse_event(kind, status, BOTH, past, past + timedelta(milliseconds=1), NOW) is not None
    assert refuse_event(kind, status, BOTH, ahead, past, NOW) is None
    assert refuse_event(kind, status, BOTH, ahead + timedelta(milliseconds=1), past, NOW) is not None
