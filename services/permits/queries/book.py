"""Reading the whole rule book: all rules, all shapes, in one snapshot."""

from typing import Any

import shapely

from services.permits.domain.judging import Book, Titles
from services.permits.domain.places import AreaIndex, Shape
from services.shared.db import Database
from services.shared.events.permits import RestrictionRuleState
from services.shared.rules.evaluate import RuleSet
from services.shared.rules.schedule import CityClock, Validity

_EDITION = "SELECT edition FROM permits.rule_book"
_RULES = """
SELECT to_jsonb(r) - 'made_by' - 'made_at' AS rule FROM permits.restriction_rules AS r
"""
_SHAPES = """
SELECT area_id, valid_from, valid_to, ST_AsBinary(geometry) AS geometry FROM permits.area_versions
"""


async def read_book(database: Database, clock: CityClock) -> Book:
    """Return the newest edition of the rule book, compiled."""
    pool = await database.pool()
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        edition = await connection.fetchval(_EDITION)
        rules = [
            RestrictionRuleState.model_validate_json(row["rule"]) for row in await connection.fetch(_RULES)
        ]
        shapes = [_shape(row) for row in await connection.fetch(_SHAPES)]
    return Book(
        edition=edition,
        rules=RuleSet([rule.to_rule() for rule in rules], clock),
        titles={rule.id: Titles(rule.title_zh, rule.title_en) for rule in rules},
        areas=AreaIndex(shapes),
    )


def _shape(row: Any) -> Shape:
    validity = Validity(row["valid_from"], row["valid_to"])
    return Shape(row["area_id"], validity, shapely.from_wkb(row["geometry"]))
