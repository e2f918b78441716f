"""Search by fragments: the database's own functions find ids, the query around them is held as ever."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.search import Sought
from services.registry.models import Enterprise, Vehicle
from services.shared.auth import Principal
from services.shared.errors import FieldError, Unprocessable
from services.shared.paging import decode_cursor, encode_cursor
from services.shared.standards.plates import is_in_plates

_NIL: Final = UUID(int=0)
_FIND: Final = {
    Sought.ENTERPRISE: text(
        "SELECT id FROM registry.find_enterprises(:fragment, :enterprise, :after, :most) AS id"
    ),
    Sought.VEHICLE: text(
        "SELECT id FROM registry.find_vehicles(:fragment, :enterprise, :after, :most) AS id"
    ),
}

_TABLES: Final[dict[Sought, tuple[Any, Any]]] = {
    Sought.ENTERPRISE: (Enterprise, Enterprise.id),
    Sought.VEHICLE: (Vehicle, Vehicle.enterprise_id),
}
"""Each with the column that says whose a row is."""

Found = tuple[Sought, Enterprise | Vehicle]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: behind this id of this kind."""

    sought: Sought
    after: UUID


async def page_search_results(
    session: AsyncSession, who: Principal, fragment: str, only: Sought | None, cursor: str | None, limit: int
) -> tuple[list[Found], str | None]:
    """Return a page of what the caller may see: firms first, then vehicles, each in the order of ids.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    place, own = _place(cursor), None if who.is_bureau else who.enterprise_id
    ids: list[tuple[Sought, UUID]] = []
    for sought in Sought:
        if sought < place.sought or only not in {None, sought} or not _can_hold(sought, fragment):
            continue
        after = place.after if sought is place.sought else _NIL
        values = {"fragment": fragment, "enterprise": own, "after": after, "most": limit + 1 - len(ids)}
        ids += [(sought, found) for found in await session.scalars(_FIND[sought], values)]
        if len(ids) > limit:
            break
    following = encode_cursor([ids[limit - 1][0].value, ids[limit - 1][1]]) if len(ids) > limit else None
    return await _rows(session, who, ids[:limit]), following


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


async def _rows(session: AsyncSession, who: Principal, ids: list[tuple[Sought, UUID]]) -> list[Found]:
    """Read what was found by the query every other read goes through: ownership and row-level security."""
    found: list[Found] = []
    for sought, (model, owner) in _TABLES.items():
        wanted = [each for kind, each in ids if kind is sought]
        if wanted:
            statement = select(model).where(model.id.in_(wanted), _visible(who, owner)).order_by(model.id)
            found += [(sought, row) for row in await session.scalars(statement)]
    return found


def _visible(who: Principal, owner: Any) -> ColumnElement[bool]:
    return true() if who.is_bureau else owner == who.enterprise_id
