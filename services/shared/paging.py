"""Keyset paging: `{"items": […], "next_cursor": …}`, never OFFSET."""

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from services.shared.errors import FieldError, Unprocessable
from services.shared.schemas import clean_text, format_instant, parse_instant

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=200, description="Most items a page; 1 to 200.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=500,
        description="`next_cursor` of the page before, and nothing else; absent for the first page.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"},
    ),
]


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item] = Field(description="The rows of this page.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; null at the end.")


def encode_cursor(values: Sequence[Any]) -> str:
    """Return an opaque cursor for the key values of the last row of a page."""
    plain = [format_instant(v) if isinstance(v, datetime) else str(v) for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Return the key values of a cursor, one for each type in `kinds`.

    Raises:
        Unprocessable: The cursor was not made by `encode_cursor` for such a key.
    """
    try:
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        pairs = list(zip(plain, kinds, strict=True))
        return [_key(value, kind) for value, kind in pairs]
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        fault = FieldError("query.cursor", "cursor_invalid", "游标无效 / not a cursor of this list")
        raise Unprocessable("cursor", errors=[fault]) from error


def _key(text: Any, kind: type) -> Any:
    if not isinstance(text, str):
        raise TypeError
    if kind is datetime:
        return parse_instant(text)
    value = date.fromisoformat(text) if kind is date else kind(clean_text(text))
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError
    return value


async def page(
    session: AsyncSession,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]],
    cursor: str | None,
    limit: int,
) -> tuple[list[Any], str | None]:
    """Run one page of a single-entity select, ordered by `keys` ascending.

    Args:
        session: A read session.
        statement: Selects one mapped entity, unordered.
        keys: Columns that together identify a row; the mapped attribute names are theirs.
        cursor: The client's cursor, or None for the first page.
        limit: Rows a page.

    Returns:
        The rows and the next cursor (None at the end).

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    if cursor:
        kinds = [column.type.python_type for column in keys]
        statement = statement.where(tuple_(*keys) > tuple_(*decode_cursor(cursor, kinds)))
    rows = list((await session.scalars(statement.order_by(*keys).limit(limit + 1))).all())
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, encode_cursor([getattr(rows[-1], str(column.key)) for column in keys])
