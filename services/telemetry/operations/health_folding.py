"""The part of folding that keeps terminals' health: the steps of each day, the clock's least delays.

A delay is the time of reception minus the time of the newest fix of a batch. Of each minute and hour of
reception the least is kept, the latest `MINUTES_KEPT` and `HOURS_KEPT` of them; so what is kept depends on
what was received and not on how it was folded. The clock's offset is the median over the minutes; its drift
is the slope of Tukey's resistant line over the hours: the medians of the first and the last third.

Terminals whose newest fix has been folded and whose least delays stay as they are cost nothing here: when
they were heard stands in `latest_positions`.
"""

from services.telemetry.domain.health import HOURS_FOR_DRIFT, HOURS_KEPT, MINUTES_KEPT

LATEST_COUNTS = ("boot", "counted_on", "steps", "jumps", "restarts")
_METRES_PER_DEGREE = 111_195
# From one newest position to the next; what no vehicle can drive is a jump.
_DISTANCE_M = (
    f"{_METRES_PER_DEGREE} * sqrt(((excluded.lon - l.lon) * cos(radians((excluded.lat + l.lat) / 2))) ^ 2"
    " + (excluded.lat - l.lat) ^ 2)"
)
_IS_JUMP = f"{_DISTANCE_M} - $4::float8 > $3::float8 / 3.6 * extract(epoch FROM excluded.time - l.time)"
_KEPT = "CASE WHEN l.counted_on = excluded.counted_on THEN l.{0} ELSE 0 END"
COUNT = f"""
    boot = coalesce(excluded.boot, l.boot), counted_on = excluded.counted_on,
    steps = {_KEPT.format("steps")} + (excluded.time > l.time)::int,
    jumps = {_KEPT.format("jumps")} + (excluded.time > l.time AND {_IS_JUMP})::int,
    restarts = {_KEPT.format("restarts")} + coalesce(excluded.boot > l.boot, false)::int"""
"""Assignments of the upsert of `latest_positions AS l`; $3 km/h and $4 metres of slack are the limits."""

_THIRD = "percentile_disc(0.5) WITHIN GROUP (ORDER BY {0}) FILTER (WHERE third = {1})"
_RISE = f"({_THIRD.format('delay', 3)} - {_THIRD.format('delay', 1)})"
_RUN = f"({_THIRD.format('slot', 3)} - {_THIRD.format('slot', 1)})"


def _least(slot: str, known: str, kept: int) -> str:
    """Give the query of the least delays of the latest slots: those told now and those known."""
    return f"""
        SELECT terminal_key, slot, min(delay) AS delay,
            row_number() OVER (PARTITION BY terminal_key ORDER BY slot DESC) <= {kept} AS is_kept
        FROM (
            SELECT terminal_key, {slot} AS slot, round(extract(epoch FROM delay) * 1000)::bigint AS delay
            FROM told JOIN due USING (terminal_key)
            WHERE is_moved AND delay IS NOT NULL
            UNION ALL
            SELECT terminal_key, u.slot, u.delay FROM due
            JOIN telemetry.terminal_health h USING (terminal_key),
                unnest(h.{known}s, h.{known}_delays_ms) AS u(slot, delay)
            WHERE is_moved) entries
        GROUP BY terminal_key, slot"""  # noqa: S608  built of constants


HEALTH = f"""
told AS MATERIALIZED (
    SELECT terminal_key, minute, min(delay) AS delay, max(heard_at) AS heard_at
    FROM touched WHERE NOT is_release GROUP BY 1, 2),
due AS MATERIALIZED (
    SELECT * FROM (
        SELECT terminal_key, max(t.heard_at) AS heard_at,
            coalesce(max(t.heard_at) > l.received_at + interval '1 millisecond', true) AS is_late,
            bool_or(t.delay IS NOT NULL AND (
                h.minutes[cardinality(h.minutes)] IS DISTINCT FROM t.minute
                OR t.delay < h.minute_delays_ms[cardinality(h.minutes)] * interval '1 millisecond')
            ) AS is_moved
        FROM told t LEFT JOIN telemetry.terminal_health h USING (terminal_key)
        LEFT JOIN latest l USING (terminal_key)
        GROUP BY terminal_key, l.received_at) d
    WHERE is_late OR is_moved),
minutes AS (
    SELECT terminal_key, array_agg(slot ORDER BY slot) AS slots, array_agg(delay ORDER BY slot) AS delays,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY delay) AS middle
    FROM ({_least("minute", "minute", MINUTES_KEPT)}) m WHERE is_kept GROUP BY terminal_key),
hours AS (
    SELECT terminal_key, array_agg(slot ORDER BY slot) AS slots, array_agg(delay ORDER BY slot) AS delays,
        CASE WHEN count(*) >= {HOURS_FOR_DRIFT} THEN 24 * {_RISE} / {_RUN} END AS slope
    FROM (
        SELECT *, ntile(3) OVER (PARTITION BY terminal_key ORDER BY slot) AS third
        FROM ({_least("minute / 60", "hour", HOURS_KEPT)}) n WHERE is_kept) h
    GROUP BY terminal_key),
health AS (
    INSERT INTO telemetry.terminal_health AS h (terminal_key, heard_at, minutes, minute_delays_ms, hours,
        hour_delays_ms, clock_offset_ms, clock_drift_ms_per_day)
    SELECT d.terminal_key, d.heard_at, coalesce(m.slots, k.minutes, '{{}}'),
        coalesce(m.delays, k.minute_delays_ms, '{{}}'), coalesce(n.slots, k.hours, '{{}}'),
        coalesce(n.delays, k.hour_delays_ms, '{{}}'), coalesce(m.middle, k.clock_offset_ms),
        coalesce(n.slope, k.clock_drift_ms_per_day)
    FROM due d LEFT JOIN minutes m USING (terminal_key) LEFT JOIN hours n USING (terminal_key)
    LEFT JOIN telemetry.terminal_health k USING (terminal_key)
    ORDER BY d.terminal_key
    ON CONFLICT (terminal_key) DO UPDATE SET heard_at = greatest(h.heard_at, excluded.heard_at),
        minutes = excluded.minutes, minute_delays_ms = excluded.minute_delays_ms, hours = excluded.hours,
        hour_delays_ms = excluded.hour_delays_ms, clock_offset_ms = excluded.clock_offset_ms,
        clock_drift_ms_per_day = excluded.clock_drift_ms_per_day)"""  # noqa: S608  built of constants
"""Common table expressions after `touched` and `latest`; one folder works at a time, so `h` stands still."""
