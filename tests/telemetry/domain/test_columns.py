"""Many fixes at once come out as each by itself does: judged, encoded, and in storage order."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.telemetry.domain import columns
from services.telemetry.domain.fixes import AGE_MS, FUTURE_MS, Fix, judge
from services.telemetry.domain.rows import cell_of, encode, in_storage_order

NOW_MS = 1_790_000_000_123
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
single = st.floats(0, 100, width=32)
near = st.integers(NOW_MS - AGE_MS - 2000, NOW_MS + FUTURE_MS + 2000)
times = st.one_of(
    near.map(float),
    near.map(lambda ms: ms / 1000),
    st.floats(allow_nan=False, allow_infinity=False),
    near.map(lambda ms: EPOCH + timedelta(milliseconds=ms)),
    st.builds(lambda ms, us: EPOCH + timedelta(milliseconds=ms, microseconds=us), near, st.integers(0, 999)),
    st.datetimes(timezones=st.just(UTC)),
)
fixes = st.builds(
    Fix,
    time=times,
    lon=st.one_of(st.floats(-180, 180), st.sampled_from([0.0, -0.0, 9.9e-5, -180.0, 180.0])),
    lat=st.one_of(st.floats(-90, 90), st.sampled_from([0.0, -0.0, 1e-4, -90.0, 90.0])),
    speed_kmh=st.none() | single,
    heading_deg=st.none() | single,
    altitude_m=single,
    mileage_km=st.none() | st.floats(0, 1e8),
    soc_pct=st.none(),
    cargo_temp_c=st.none() | st.floats(-273, 500),
    load_state=st.sampled_from([None, "empty", "partial", "full"]),
    boot=st.none() | st.integers(0, 2**53 - 1),
    seq=st.none() | st.integers(0, 2**53 - 1),
    crs=st.sampled_from(["WGS-84", "WGS-84", "WGS-84", "GCJ-02", "BD-09"]),
)


def copied(fix: Fix) -> Fix:
    return Fix(*[getattr(fix, name) for name in Fix.__struct_fields__])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), fixes), max_size=12), st.integers(1, 12))
def test_many_come_out_as_each_by_itself(given_fixes: list[tuple[int, Fix]], times_over: int) -> None:
    given_fixes = given_fixes * times_over
    good, bad = [], []
    for index, (key, fix) in enumerate(given_fixes):
        alone = copied(fix)
        judged = judge(alone, NOW_MS)
        if isinstance(judged, int):
            good.append(encode(key, judged, alone, NOW_MS))
        else:
            bad.append((index, judged))

    keys = np.array([key for key, _ in given_fixes], np.int64)
    outcome = columns.encode_many(keys, [copied(fix) for _, fix in given_fixes], NOW_MS)

    rows = [*outcome.rows, *[row for part in outcome.parts for row in part.rows()]]
    assert sorted(rows) == sorted(good)
    assert outcome.rejected == bad
    assert list(outcome.boots) == [fix.boot for _, fix in given_fixes]
    assert list(outcome.seqs) == [fix.seq for _, fix in given_fixes]


def test_rows_come_in_storage_order() -> None:
    made = [Fix(time=float(NOW_MS - 7919 * n % 1_000_003 * 200), lon=122.0, lat=41.0) for n in range(100)]
    (part,) = columns.encode_many(np.arange(100) % 7 + 1, made, NOW_MS).parts
    rows = part.rows()
    assert rows == sorted(rows, key=in_storage_order)
    by_day = {day: [row[3] for row in rows if row[0] == day] for day in sorted({row[0] for row in rows})}
    assert len(by_day) > 1
    assert list(part.by_day()) == [(day, b"".join(data)) for day, data in by_day.items()]
    assert len(rows) == 100


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1))
def test_cells_are_those_of_each_point(points: list[tuple[float, float]]) -> None:
    lon, lat = np.array([point[0] for point in points]), np.array([point[1] for point in points])
    assert columns._cells(lon, lat).tolist() == [cell_of(*point) for point in points]
