"""Judging and encoding many fixes at once, column by column.

The outcome is that of `fixes.judge` and `rows.encode` on each, at a third of the price; what is not plainly
good is left to them. Few fixes go one by one: columns pay from some dozens on.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from services.telemetry.domain.fixes import (
    AGE_MS,
    FUTURE_MS,
    NULL_ISLAND_DEG,
    SECONDS_BELOW,
    Fix,
    Rejected,
    judge,
)
from services.telemetry.domain.layouts import CONTENT, COUNTERS, Layout, blank_row, layout_of
from services.telemetry.domain.rows import (
    CELLS_PER_DEGREE,
    CELLS_PER_ROW,
    DAY_MS,
    LOAD_STATES,
    PG_EPOCH_MS,
    Row,
    content_hash,
    encode,
)

LEAST = 32
"""Fewer fixes, or fewer that state the same, are encoded one by one."""

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Column: TypeAlias = tuple[Any, ...]
Values: TypeAlias = "npt.NDArray[Any] | int | list[int]"
_US_PER_S, _US_PER_MS, _MS_PER_S = 1e6, 1000, 1000
_OWN_CRS: Final = "WGS-84"
_LOAD: Final = "load_state"
_OPTIONAL: Final = (*CONTENT, *COUNTERS)


class Part(NamedTuple):
    """Rows that state the same columns, in storage order: a table of COPY tuples, and what they are of."""

    days: Integers
    keys: Integers
    times: Integers
    tuples: npt.NDArray[np.void]

    def by_day(self) -> Iterator[tuple[int, bytes]]:
        """Give the tuples of each day."""
        starts = [0, *(np.flatnonzero(np.diff(self.days)) + 1).tolist(), len(self.days)]
        for start, end in pairwise(starts):
            yield int(self.days[start]), self.tuples[start:end].tobytes()

    def rows(self) -> list[Row]:
        """Give them one by one."""
        raw, size = self.tuples.tobytes(), self.tuples.itemsize
        data = [raw[at : at + size] for at in range(0, len(raw), size)]
        return list(zip(self.days.tolist(), self.keys.tolist(), self.times.tolist(), data, strict=True))


class Outcome(NamedTuple):
    """The good fixes, those of a kind together and the few others as rows; which ones are wrong, and why."""

    parts: list[Part]
    rows: list[Row]
    rejected: list[tuple[int, Rejected]]
    boots: Sequence[int | None]
    seqs: Sequence[int | None]
    """The counters of every fix, good or bad, in the order given."""


def encode_many(keys: Integers, fixes: Sequence[Fix], now_ms: int) -> Outcome:
    """Judge the fixes of terminals with these keys, received at ``now_ms``, and encode the good ones."""
    if len(fixes) < LEAST:
        return _one_by_one(keys, fixes, now_ms)
    columns = _columns(fixes)
    counters = columns["boot"], columns["seq"]
    times, doubtful = _times(columns, now_ms)
    rejected: list[tuple[int, Rejected]] = []
    if doubtful.any():
        for index in np.flatnonzero(doubtful).tolist():
            judged = judge(fixes[index], now_ms)
            if isinstance(judged, int):
                times[index] = judged
            else:
                rejected.append((index, judged))
        bad = {index for index, _ in rejected}
        good = [index for index in range(len(fixes)) if index not in bad]
        keys, fixes, times = keys[good], [fixes[i] for i in good], times[good]
        columns = _columns(fixes)  # coordinates of other systems have been turned
    parts, rows = _encode(keys, fixes, columns, times, now_ms) if fixes else ([], [])
    return Outcome(parts, rows, rejected, *counters)


def _columns(fixes: Sequence[Fix]) -> dict[str, Column]:
    return dict(zip(Fix.__struct_fields__, zip(*map(astuple, fixes), strict=True), strict=False))


def _one_by_one(keys: Integers, fixes: Sequence[Fix], now_ms: int) -> Outcome:
    found = Outcome([], [], [], [fix.boot for fix in fixes], [fix.seq for fix in fixes])
    for index, (key, fix) in enumerate(zip(keys.tolist(), fixes, strict=True)):
        judged = judge(fix, now_ms)
        if isinstance(judged, int):
            found.rows.append(encode(key, judged, fix, now_ms))
        else:
            found.rejected.append((index, judged))
    return found


def _times(columns: dict[str, Column], now_ms: int) -> tuple[Integers, Booleans]:
    """Give the time of each fix in ms, and which fixes need a closer look."""
    given = columns["time"]
    if set(map(type, given)) == {float}:
        ms = _of_numbers(_floats(given))
    else:
        texts = [type(at) is not float for at in given]
        told = np.array([at.timestamp() if text else 0.0 for text, at in zip(texts, given, strict=True)])
        numbers = np.array([0.0 if text else at for text, at in zip(texts, given, strict=True)])
        ms = np.where(texts, np.rint(told * _US_PER_S) // _US_PER_MS, _of_numbers(numbers))
    doubtful: Booleans = ~((ms <= now_ms + FUTURE_MS) & (ms >= now_ms - AGE_MS))
    lon, lat = _floats(columns["lon"]), _floats(columns["lat"])
    doubtful |= (abs(lon) < NULL_ISLAND_DEG) & (abs(lat) < NULL_ISLAND_DEG)
    if columns["crs"].count(_OWN_CRS) < len(given):
        doubtful |= np.array([crs != _OWN_CRS for crs in columns["crs"]])
    return np.where(doubtful, 0, ms).astype(np.int64), doubtful


def _floats(column: Column) -> Floats:
    # In half the time of `np.array`, which has to find out what it is given.
    return np.fromiter(column, np.float64, len(column))


def _of_numbers(at: Floats) -> Floats:
    is_ms = abs(at) >= SECONDS_BELOW
    ms = at * np.where(is_ms, 1, _MS_PER_S)
    return np.where(is_ms, np.trunc(ms), np.rint(ms))


def _encode(
    keys: Integers, fixes: Sequence[Fix], columns: dict[str, Column], times: Integers, now_ms: int
) -> tuple[list[Part], list[Row]]:
    stated = _stated(columns)
    if stated is not None:
        return [_part(keys, columns, stated, times, now_ms)], []
    parts: list[Part] = []
    rows: list[Row] = []
    for chosen in _alike(columns, len(fixes)):
        if len(chosen) < LEAST:
            rows += [encode(int(keys[i]), int(times[i]), fixes[i], now_ms) for i in chosen]
        else:
            some = {name: _pick(column, chosen) for name, column in columns.items()}
            parts += _encode(keys[chosen], _pick(fixes, chosen), some, times[chosen], now_ms)[0]
    return parts, rows


def _pick(column: Sequence[Any], chosen: Sequence[int]) -> Column:
    return tuple([column[i] for i in chosen])


def _stated(columns: dict[str, Column]) -> dict[str, Values] | None:
    """Give the optional columns that every fix states, or None where some do and some do not."""
    found: dict[str, Values] = {}
    for name, kind in _OPTIONAL:
        column = columns[name]
        if column[0] is None:
            if column.count(None) < len(column):
                return None
            continue
        values = _loads(column) if name == _LOAD else _numbers(column, kind)
        if values is None:
            return None
        found[name] = values
    return found


def _numbers(column: Column, kind: str) -> npt.NDArray[Any] | None:
    """Give the numbers, None where one is absent, which converting tells sooner than looking would."""
    if kind == ">i8":
        try:
            return np.fromiter(column, np.int64, len(column))
        except TypeError:
            return None
    numbers = _floats(column)  # an absent one becomes NaN, which no fix can state
    return None if np.isnan(numbers).any() else numbers


def _loads(column: Column) -> int | list[int] | None:
    if column.count(column[0]) == len(column):
        return LOAD_STATES[column[0]]
    return None if None in column else list(map(LOAD_STATES.__getitem__, column))


def _alike(columns: dict[str, Column], count: int) -> Iterator[Sequence[int]]:
    """Give the indexes of the fixes that state the same."""
    masks: Integers = np.zeros(count, np.int64)
    for bit, (name, _) in enumerate(_OPTIONAL):
        masks += np.array([value is not None for value in columns[name]]) * (1 << bit)
    for mask in np.unique(masks).tolist():
        yield np.flatnonzero(masks == mask).tolist()


def _part(
    keys: Integers, columns: dict[str, Column], stated: dict[str, Values], times: Integers, now_ms: int
) -> Part:
    names = tuple(stated)
    table = np.repeat(blank_row(names), len(keys))
    table["key"], table["time"] = keys, (times - PG_EPOCH_MS) * _US_PER_MS
    table["lon"] = lon = _floats(columns["lon"]) + 0.0  # no negative zero
    table["lat"] = lat = _floats(columns["lat"]) + 0.0
    table["cell"] = _cells(lon, lat)
    for name, values in stated.items():
        table[name] = values
    table["received"] = (now_ms - PG_EPOCH_MS) * _US_PER_MS
    table["hash"] = _hashes(table, layout_of(names))
    days = times // DAY_MS
    order = np.lexsort((times, keys, days))
    # `take` moves whole tuples, where indexing would go field by field.
    return Part(days[order], keys[order], times[order], table.take(order))


def _hashes(table: npt.NDArray[np.void], layout: Layout) -> npt.NDArray[np.void]:
    """As `rows.content_hash` of each row's content."""
    octets = table.view(np.uint8).reshape(len(table), layout.dtype.itemsize)
    contents = np.ascontiguousarray(octets[:, layout.first : layout.after])
    each = contents.view(f"V{layout.after - layout.first}").ravel().tolist()
    return np.frombuffer(b"".join(map(content_hash, each)), ">i8")


def _cells(lon: Floats, lat: Floats) -> Integers:
    """As `rows.cell_of`."""
    column = np.minimum(((lon + 180.0) * CELLS_PER_DEGREE).astype(np.int64), CELLS_PER_ROW - 1)
    return ((lat + 90.0) * CELLS_PER_DEGREE).astype(np.int64) * CELLS_PER_ROW + column
