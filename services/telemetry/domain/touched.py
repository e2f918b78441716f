"""What a batch touched, as one tuple of `ingest_batches` in PostgreSQL's binary COPY format.

Arrays with an element for each terminal: as parameters of a statement they would cost more than the
positions themselves where each comes from another terminal.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from services.telemetry.domain.columns import Part
from services.telemetry.domain.instants import from_ms
from services.telemetry.domain.rows import PG_EPOCH_MS, Row

COLUMNS: Final = (
    "received_at", "terminal_keys", "stored", "duplicate", "quarantined", "min_time", "max_time",
)  # fmt: skip
Integers: TypeAlias = npt.NDArray[np.int64]
_INT4, _TIMESTAMPTZ = 23, 1184
"""Type numbers of PostgreSQL (pg_type.dat)."""
_ARRAY = struct.Struct("!iiiii").pack
_NULL = b"\xff\xff\xff\xff"


class Good(NamedTuple):
    """Terminal key and time in ms of each good fix."""

    keys: Integers
    times: Integers


def good(rows: Sequence[Row], parts: Sequence[Part]) -> Good:
    """Give what rows and parts are of."""
    keys = [np.array([row[1] for row in rows], np.int64), *[part.keys for part in parts]]
    times = [np.array([row[2] for row in rows], np.int64), *[part.times for part in parts]]
    return Good(np.concatenate(keys), np.concatenate(times))


def encode_touched(
    received_ms: int, good: Good, bad: Mapping[int, int], stored: Mapping[int, int] | None
) -> bytes:
    """Encode which terminals a batch touched, b"" for none.

    Args:
        received_ms: When it was received.
        good: The good fixes.
        bad: How many others each terminal key had.
        stored: How many rows of each key were new; None means all.
    """
    order = np.argsort(good.keys, kind="stable")
    of_good, starts, counted = np.unique(good.keys[order], return_index=True, return_counts=True)
    keys = np.union1d(of_good, np.array(list(bad), np.int64)) if bad else of_good
    if not len(keys):
        return b""
    at = np.searchsorted(keys, of_good)
    counts = np.zeros(len(keys), np.int64)
    counts[at] = counted
    new = counts if stored is None else np.array([stored.get(key, 0) for key in keys.tolist()], np.int64)
    wrong = np.array([bad.get(key, 0) for key in keys.tolist()], np.int64) if bad else np.zeros_like(counts)
    times = good.times[order]
    arrays = [_integers(values) for values in (keys, new, counts - new, wrong)]
    for extreme in (np.minimum, np.maximum):
        found = np.zeros(len(keys), np.int64)
        if len(times):
            found[at] = extreme.reduceat(times, starts)
        arrays.append(_instants(found, counts == 0))
    received = struct.pack("!hiq", len(COLUMNS), 8, _micros(received_ms))
    return received + b"".join([struct.pack("!i", len(array)) + array for array in arrays])


def touched_by_few(rows: Sequence[Row]) -> list[list[Any]]:
    """Give the arrays of `COLUMNS` that a few rows make, all new."""
    times: dict[int, list[int]] = {}
    for _, key, time_ms, _ in rows:
        times.setdefault(key, []).append(time_ms)
    none = [0] * len(times)
    of_each = list(times.values())
    return [
        list(times), list(map(len, of_each)), none, none,
        [from_ms(min(some)) for some in of_each], [from_ms(max(some)) for some in of_each],
    ]  # fmt: skip


def _micros(ms: int) -> int:
    return (ms - PG_EPOCH_MS) * 1000


def _integers(values: Integers) -> bytes:
    return _ARRAY(1, 0, _INT4, len(values), 1) + _elements(values, ">i4")


def _instants(values: Integers, absent: npt.NDArray[np.bool_]) -> bytes:
    elements = _elements((values - PG_EPOCH_MS) * 1000, ">i8")
    if absent.any():
        pieces = [elements[at : at + 12] for at in range(0, len(elements), 12)]
        elements = b"".join(
            [_NULL if gone else piece for gone, piece in zip(absent.tolist(), pieces, strict=True)]
        )
    return _ARRAY(1, int(absent.any()), _TIMESTAMPTZ, len(values), 1) + elements


def _elements(values: Integers, kind: str) -> bytes:
    table = np.empty(len(values), [("length", ">i4"), ("value", kind)])
    table["length"], table["value"] = np.dtype(kind).itemsize, values
    return table.tobytes()
