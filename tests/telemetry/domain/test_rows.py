"""Binary COPY: what PostgreSQL reads back is what the fix said, for every combination of absent values."""

from collections.abc import AsyncIterator

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.telemetry.domain.fixes import Fix
from services.telemetry.domain.rows import COLUMNS, HEADER, TRAILER, cell_of, encode, stated

single = st.floats(0, 100, width=32)
fixes = st.builds(
    Fix,
    time=st.just(1.79e12),
    lon=st.floats(-180, 180),
    lat=st.floats(-90, 90),
    speed_kmh=st.none() | single,
    heading_deg=st.none() | single,
    altitude_m=st.none() | single,
    mileage_km=st.none() | st.floats(0, 1e8),
    soc_pct=st.none() | single,
    cargo_temp_c=st.none() | single,
    load_state=st.sampled_from([None, "empty", "partial", "full"]),
    boot=st.none() | st.integers(0, 2**53 - 1),
    seq=st.none() | st.integers(0, 2**53 - 1),
)
CODES = {None: None, "empty": 0, "partial": 1, "full": 2}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(st.lists(fixes, min_size=1, max_size=10), st.integers(1_700_000_000_000, 1_900_000_000_000))
async def test_postgresql_reads_back_what_the_fix_said(
    database_urls: dict[str, str], sent: list[Fix], time_ms: int
) -> None:
    connection = await asyncpg.connect(database_urls["superuser"])
    await connection.execute("CREATE TEMP TABLE back (LIKE telemetry.positions)")
    rows = [encode(number, time_ms + number, fix, time_ms) for number, fix in enumerate(sent)]

    async def source() -> AsyncIterator[bytes]:
        yield b"".join([HEADER, *[row[3] for row in rows], TRAILER])

    await connection.copy_to_table("back", source=source(), columns=COLUMNS, format="binary")
    found = await connection.fetch(
        "SELECT *, round(extract(epoch FROM time) * 1000)::bigint AS ms FROM back ORDER BY terminal_key"
    )
    await connection.close()
    names = ("lon", "lat", "speed_kmh", "heading_deg", "altitude_m", "mileage_km", "soc_pct", "cargo_temp_c")
    for number, (fix, row) in enumerate(zip(sent, found, strict=True)):
        assert {name: row[name] for name in names} == {name: getattr(fix, name) for name in names}
        assert (row["load_state"], row["boot"], row["seq"]) == (CODES[fix.load_state], fix.boot, fix.seq)
        assert (row["ms"], row["cell"]) == (time_ms + number, cell_of(fix.lon, fix.lat))


@given(fixes, fixes)
def test_the_hash_is_of_the_content_and_not_of_how_it_was_sent(one: Fix, other: Fix) -> None:
    def part(fix: Fix) -> bytes:
        return encode(1, 10**12, fix, 10**12)[3][26:34]

    names = [name for name in Fix.__struct_fields__ if name not in {"time", "boot", "seq", "crs"}]
    same = [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
    assert (part(one) == part(other)) == same


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_a_cell_holds_its_point(lon: float, lat: float) -> None:
    row, column = divmod(cell_of(lon, lat), 36_000)
    assert -90 + row / 100 <= lat + 1e-9
    assert lat <= -90 + (row + 1) / 100 + 1e-9
    assert -180 + column / 100 <= lon + 1e-9
    assert lon <= -180 + (column + 1) / 100 + 1e-9
    assert cell_of(lon, lat) < 2**31


@given(fixes, st.integers(1_700_000_000_000, 1_900_000_000_000))
def test_a_tuple_tells_the_fix_it_was_made_of(fix: Fix, time_ms: int) -> None:
    row = encode(7, time_ms, fix, time_ms)
    assert encode(7, time_ms, stated(row[3]), time_ms) == row


def test_a_tuple_tells_a_decimal_as_it_was_written() -> None:
    fix = Fix(time=1.79e12, lon=122.07, lat=41.12, speed_kmh=60.1, heading_deg=359.9, cargo_temp_c=-18.3)
    assert stated(encode(7, 1_790_000_000_000, fix, 0)[3]) == fix
