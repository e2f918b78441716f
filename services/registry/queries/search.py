"""Search by fragments: the database's own functions find ids, the statements around them are held as ever."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from services.registry.domain.search import Sought
from services.registry.schemas.search import RESULTS, SearchResult
from services.shared.auth import Principal
from services.shared.db import Database
from services.shared.errors import FieldError, Unprocessable
from services.shared.paging import Page, decode_cursor, encode_cursor
from services.shared.standards.plates import is_in_plates

_NIL: Final = UUID(int=0)
_OWNERS: Final = {Sought.ENTERPRISE: ("enterprises", "id"), Sought.VEHICLE: ("vehicles", "enterprise_id")}
"""Table, and the column that says whose a row is."""
_FIND: Final = {
    sought: f"""
SELECT {", ".join(name for name in RESULTS[sought].model_fields if name != "found")} FROM registry.{table}
WHERE id = ANY(ARRAY(SELECT registry.find_{table}($1, $2, $3, $4))) AND ($2::uuid IS NULL OR {owner} = $2)
ORDER BY id
"""  # noqa: S608 - names of our own
    for sought, (table, owner) in _OWNERS.items()
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind this id of this kind."""

    sought: Sought
    after: UUID


async def page_search_results(
    database: Database, who: Principal, fragment: str, only: Sought | None, cursor: str | None, limit: int
) -> Page[SearchResult]:
    """Return a page of what the caller may see: firms first, then vehicles, each in the order of ids.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    place = _place(cursor)
    own = who.db_scope.own()
    found: list[Any] = []
    async with database.acquire(who.db_scope, readonly=True) as connection:
        for sought in Sought:
            if sought < place.sought or only not in {None, sought} or not _can_hold(sought, fragment):
                continue
            after = place.after if sought is place.sought else _NIL
            rows = await connection.fetch(_FIND[sought], fragment, own, after, limit + 1 - len(found))
            found += [RESULTS[sought].model_validate(dict(row)) for row in rows]
            if len(found) > limit:
                break
    following = encode_cursor([found[limit - 1].found, found[limit - 1].id]) if len(found) > limit else None
    return Page(items=found[:limit], next_cursor=following)


def _place(cursor: str | None) -> _Place:
    if not cursor:
        return _Place(min(Sought), _NIL)
    sought, after = decode_cursor(cursor, [str, UUID])
    if sought not in set(Sought):
        fault = FieldError("query.cursor", "cursor_invalid", "游标无效 / not a cursor of this list")
        raise Unprocessable("cursor", errors=[fault])
    return _Place(Sought(sought), after)


def _can_hold(sought: Sought, fragment: str) -> bool:
    return sought is not Sought.VEHICLE or is_in_plates(fragment)
