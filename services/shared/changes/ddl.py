"""Creating a feed's and a follower's tables in a migration.

In every service's `migrations/<service>/0001_initial.py`, run as `<service>_owner`:

    from services.shared.changes.ddl import create_feed, create_follow

    def upgrade() -> None:
        op.execute("SET LOCAL lock_timeout = '2s'")
        ...
        create_feed(op, "permits")      # outbox, changes, heads, feed_meta, feed_checkpoints, two functions
        create_follow(op, "permits")    # follow_cursors, only for services that follow a feed

and in the service's `models.py`, so that `alembic check` finds the same:

    feed = Feed("permits", Base.metadata)
    follow_cursors = follow_tables(Base.metadata)

Rights: the api role may only add to the outbox and read the rest; the worker role may also move rows
to `changes`, never alter or delete them. Partitions are made and dropped by functions that run as the owner.
"""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

from typing import Any

PARTITION_ROWS = 1_000_000
"""Positions a partition of `changes` holds."""

_STATE = (
    "kind text NOT NULL, id uuid NOT NULL, version bigint NOT NULL,"
    " schema_version smallint NOT NULL, deleted boolean NOT NULL, state bytea NOT NULL"
)


def create_feed(op: Any, schema: str, *, partition_rows: int = PARTITION_ROWS) -> None:
    """Create the tables, functions and rights of one feed.

    Args:
        op: Alembic's operations.
        schema: The service.
        partition_rows: Positions a partition holds (tests cut small ones).
    """
    for statement in (*_tables(schema), *_functions(schema, partition_rows), *_rights(schema)):
        op.execute(statement)


def create_follow(op: Any, schema: str) -> None:
    """Create `follow_cursors`: how far this service has followed each source."""
    op.execute(
        f"CREATE TABLE {schema}.follow_cursors ("
        " source text NOT NULL, feed_id uuid NOT NULL, pos bigint NOT NULL, digest bytea NOT NULL,"
        " copy_version integer NOT NULL, recorded_at timestamptz,"
        " updated_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT pk_follow_cursors PRIMARY KEY (source))"
    )


def _tables(schema: str) -> list[str]:
    return [
        (
            f"CREATE TABLE {schema}.outbox (seq bigint GENERATED ALWAYS AS IDENTITY, {_STATE},"
            " CONSTRAINT pk_outbox PRIMARY KEY (seq))"
            " WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"
        ),
        (
            f"CREATE TABLE {schema}.changes (pos bigint NOT NULL, {_STATE},"
            " recorded_at timestamptz NOT NULL, digest bytea NOT NULL,"
            " CONSTRAINT pk_changes PRIMARY KEY (pos)) PARTITION BY RANGE (pos)"
        ),
        (
            f"CREATE TABLE {schema}.heads ({_STATE}, pos bigint NOT NULL, recorded_at timestamptz NOT NULL,"
            " CONSTRAINT pk_heads PRIMARY KEY (kind, id))"
        ),
        (
            f"CREATE TABLE {schema}.feed_meta (generation integer GENERATED ALWAYS AS IDENTITY,"
            " feed_id uuid NOT NULL, cluster text NOT NULL, started_after bigint NOT NULL,"
            " started_at timestamptz NOT NULL DEFAULT now(),"
            " head_pos bigint NOT NULL, head_digest bytea NOT NULL, head_recorded_at timestamptz NOT NULL,"
            " CONSTRAINT pk_feed_meta PRIMARY KEY (generation),"
            " CONSTRAINT uq_feed_meta_feed_id UNIQUE (feed_id))"
        ),
        (
            f"CREATE TABLE {schema}.feed_checkpoints (pos bigint NOT NULL, feed_id uuid NOT NULL,"
            " digest bytea NOT NULL, cut_at timestamptz NOT NULL, signature text NOT NULL,"
            " CONSTRAINT pk_feed_checkpoints PRIMARY KEY (pos))"
        ),
    ]


def _functions(schema: str, rows: int) -> list[str]:
    """`ensure_changes_partition(pos)` and `drop_changes_partition(name)`, both run as the owner.

    A partition is built apart and attached, which blocks neither readers nor the sequencer. One is
    dropped only when a checkpoint stands exactly at its last position and nothing older is left.
    """
    return [
        f"""
CREATE FUNCTION {schema}.ensure_changes_partition(wanted bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    low bigint := (wanted - 1) / {rows} * {rows} + 1;
    name text := 'changes_p' || low;
BEGIN
    IF to_regclass('{schema}.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE {schema}.%I (LIKE {schema}.changes INCLUDING ALL)', name);
        EXECUTE format('REVOKE ALL ON {schema}.%I FROM {schema}_api, {schema}_worker', name);
        EXECUTE format('ALTER TABLE {schema}.changes ATTACH PARTITION {schema}.%I'
                       ' FOR VALUES FROM (%s) TO (%s)', name, low, low + {rows});
    END IF;
    RETURN low + {rows} - 1;
END $$""",
        f"""
CREATE FUNCTION {schema}.drop_changes_partition(last bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    low bigint := last - {rows} + 1;
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.feed_checkpoints WHERE pos = last)
       OR EXISTS (SELECT FROM {schema}.changes WHERE pos < low) THEN
        RAISE EXCEPTION 'no checkpoint at %, or older changes are left', last;
    END IF;
    EXECUTE format('DROP TABLE {schema}.%I', 'changes_p' || low);
END $$""",
        (
            f"CREATE FUNCTION {schema}.changes_partition_rows() RETURNS bigint LANGUAGE sql IMMUTABLE"
            f" AS 'SELECT {rows}::bigint'"
        ),
        f"REVOKE ALL ON FUNCTION {schema}.ensure_changes_partition(bigint) FROM PUBLIC",
        f"REVOKE ALL ON FUNCTION {schema}.drop_changes_partition(bigint) FROM PUBLIC",
    ]


def _rights(schema: str) -> list[str]:
    api, worker = f"{schema}_api", f"{schema}_worker"
    tables = ", ".join(f"{schema}.{name}" for name in ("changes", "heads", "feed_meta", "feed_checkpoints"))
    return [
        f"REVOKE INSERT, UPDATE, DELETE ON {tables} FROM {api}",
        f"REVOKE UPDATE, DELETE ON {schema}.outbox FROM {api}",
        f"REVOKE UPDATE, DELETE ON {schema}.changes, {schema}.feed_checkpoints FROM {worker}",
        f"REVOKE DELETE ON {schema}.feed_meta, {schema}.heads FROM {worker}",
        f"REVOKE UPDATE ON {schema}.outbox FROM {worker}",
        f"GRANT EXECUTE ON FUNCTION {schema}.ensure_changes_partition(bigint) TO {worker}",
        f"GRANT EXECUTE ON FUNCTION {schema}.drop_changes_partition(bigint) TO {worker}",
    ]
