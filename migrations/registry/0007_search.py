"""Search by fragments: trigram indexes, and functions that return ids of what the caller may see.

Revision ID: 0007
Revises: 0005
"""

from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

# Full-width forms become half-width, Latin letters upper case; spaces, hyphens and dots go. As
# `services.shared.standards.check.fold` does with the dots of plates; a test compares the two.
_WIDE = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
_DROPPED = " \u00a0\u2002\u2003\u2009\u3000-\u2010\u2011\u2012\u2013\u2014\u2212·•‧∙⋅・･．."
_PLAIN = {**{chr(code): chr(code) for code in range(ord("a"), ord("z") + 1)}, **_WIDE}
_FOLDED = {char: plain.upper() for char, plain in _PLAIN.items() if plain not in _DROPPED}
_GONE = "".join(sorted({*_DROPPED, *(char for char, plain in _PLAIN.items() if plain in _DROPPED)}))

_FROM = ("".join(_FOLDED) + _GONE).replace("'", "''")
_TO = "".join(_FOLDED.values()).replace("'", "''")

# Each character twice: two characters of a name then make whole trigrams, which they do not alone. Plates are
# searched as they are: a trigram of three different characters tells more.
_KEYS = f"""
CREATE FUNCTION registry.doubled(text) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT regexp_replace($1, '(.)', '\\1\\1', 'g') $$
;;
CREATE FUNCTION registry.firm_key(name text, uscc text) RETURNS text
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT registry.doubled(translate($1, '{_FROM}', '{_TO}') || ' ' || $2) $$
;;
ALTER TABLE registry.enterprises
  ADD COLUMN search_key text GENERATED ALWAYS AS (registry.firm_key(name::text, uscc::text)) STORED
;;
CREATE INDEX ix_enterprises_search_key ON registry.enterprises USING gin (search_key public.gin_trgm_ops)
;;
CREATE INDEX ix_vehicles_plate_number ON registry.vehicles USING gin (plate_number public.gin_trgm_ops)
"""

# Under row-level security a condition that is not leakproof (LIKE) may not use an index. So the search runs
# as the owner, sees by itself only what the caller may see, and returns ids; the query around it is held as
# ever. A fragment that is in many rows is found among the next rows already; only a rare one needs the index.
_FUNCTION = r"""
CREATE FUNCTION registry.find_{table}(fragment text, enterprise uuid, after uuid, most integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sought text := {sought};
  found uuid[];
BEGIN
  IF enterprise IS NOT NULL OR NOT public.app_is_bureau() THEN
    RETURN QUERY SELECT t.id FROM registry.{table} AS t
      WHERE t.{owner} = coalesce(enterprise, public.app_enterprise())
        AND (public.app_is_bureau() OR t.{owner} = public.app_enterprise())
        AND t.id > after AND strpos(t.{key}, sought) > 0
      ORDER BY t.id LIMIT most;
    RETURN;
  END IF;
  IF length(sought) < 3 THEN
    RETURN QUERY SELECT t.id FROM registry.{table} AS t
      WHERE t.id > after AND strpos(t.{key}, sought) > 0 ORDER BY t.id LIMIT most;
    RETURN;
  END IF;
  SELECT array_agg(part.id) INTO found FROM (
    SELECT t.id FROM (
      SELECT n.id, n.{key} FROM registry.{table} AS n WHERE n.id > after ORDER BY n.id LIMIT 1000
    ) AS t WHERE strpos(t.{key}, sought) > 0 ORDER BY t.id LIMIT most
  ) AS part;
  IF cardinality(found) = most THEN
    RETURN QUERY SELECT unnest(found);
    RETURN;
  END IF;
  RETURN QUERY WITH matching AS MATERIALIZED (
    SELECT t.id FROM registry.{table} AS t
    WHERE t.{key} LIKE '%' || regexp_replace(sought, '([\\%_])', '\\\1', 'g') || '%'
  ) SELECT m.id FROM matching AS m WHERE m.id > after ORDER BY m.id LIMIT most;
END $$
;;
REVOKE ALL ON FUNCTION registry.find_{table} FROM PUBLIC
;;
GRANT EXECUTE ON FUNCTION registry.find_{table} TO registry_api
"""
_SEARCHED = (
    {"table": "vehicles", "owner": "enterprise_id", "key": "plate_number", "sought": "fragment"},
    {"table": "enterprises", "owner": "id", "key": "search_key", "sought": "registry.doubled(fragment)"},
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    blocks = (_KEYS, *(_FUNCTION.format(**searched) for searched in _SEARCHED))
    for block in blocks:
        for statement in block.split("\n;;\n"):
            op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("migrations go forward only; restore from a backup")
