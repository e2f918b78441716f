"""What PostgreSQL reads back of a batch's record is what a plain count over its rows gives."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.telemetry.domain.rows import DAY_MS, HEADER, TRAILER
from services.telemetry.domain.touched import COLUMNS, Good, encode_touched, good, touched_by_few

NOW_MS = 1_790_000_000_123
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
keys = st.integers(1, 6)
positions = st.lists(st.tuples(keys, st.integers(NOW_MS - 10**9, NOW_MS)), max_size=30)


def instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(positions, st.dictionaries(keys, st.integers(1, 9)), st.none() | st.dictionaries(keys, st.just(1)))
async def test_it_is_a_count_over_the_rows(
    database_urls: dict[str, str],
    rows: list[tuple[int, int]],
    bad: dict[int, int],
    stored: dict[int, int] | None,
) -> None:
    of = Good(np.array([key for key, _ in rows], np.int64), np.array([ms for _, ms in rows], np.int64))

    encoded = encode_touched(NOW_MS, of, bad, stored)

    counts = Counter(key for key, _ in rows)
    expected = []
    for key in sorted(counts.keys() | bad.keys()):
        times = [instant(ms) for k, ms in rows if k == key]
        new = counts[key] if stored is None else stored.get(key, 0)
        bounds = (min(times), max(times)) if times else (None, None)
        expected.append((key, new, counts[key] - new, bad.get(key, 0), *bounds))
    if not expected:
        assert encoded == b""
        return
    back = await read_back(database_urls["superuser"], encoded)
    assert back["received_at"] == instant(NOW_MS)
    assert list(zip(*list(back.values())[1:], strict=True)) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(positions.filter(bool))
async def test_few_rows_are_recorded_as_many(
    database_urls: dict[str, str], given_rows: list[tuple[int, int]]
) -> None:
    rows = [(ms // DAY_MS, key, ms, b"") for key, ms in sorted(given_rows)]
    encoded = encode_touched(NOW_MS, good(rows, []), {}, None)
    back = await read_back(database_urls["superuser"], encoded)
    assert touched_by_few(rows) == list(back.values())[1:]


async def read_back(url: str, encoded: bytes) -> asyncpg.Record:
    async def source() -> AsyncIterator[bytes]:
        yield HEADER + encoded + TRAILER

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "CREATE TEMP TABLE back (LIKE telemetry.ingest_batches INCLUDING IDENTITY INCLUDING DEFAULTS)"
        )
        await connection.copy_to_table("back", source=source(), columns=COLUMNS, format="binary")
        record = await connection.fetchrow(f"SELECT {', '.join(COLUMNS)} FROM back")  # noqa: S608  constants
    finally:
        await connection.close()
    assert record is not None
    return record
