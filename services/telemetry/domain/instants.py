"""Instants as milliseconds of the epoch: what fixes are judged, ordered and stored by."""

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY: Final = EPOCH.date()
MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(at: datetime) -> int:
    """Give the milliseconds of the epoch of an instant; a part of one is cut off."""
    return (at - EPOCH) // MILLISECOND


def from_ms(time_ms: int) -> datetime:
    """Give the instant of milliseconds of the epoch."""
    return EPOCH + timedelta(milliseconds=time_ms)
