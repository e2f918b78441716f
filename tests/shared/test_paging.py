"""Keyset paging: every row once, whatever is inserted meanwhile, and no cursor that breaks."""

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from services.registry.models import Client
from services.shared.db import Database, DbScope
from services.shared.errors import Unprocessable
from services.shared.ids import new_id
from services.shared.paging import decode_cursor, encode_cursor, page

_KINDS = [datetime, int, str, UUID]


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)),  # noqa: DTZ001 - made aware below
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    st.uuids(),
)
def test_a_cursor_gives_back_its_key(at: datetime, number: int, text: str, name: UUID) -> None:
    instant = at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
    key = [instant, number, text, name]
    assert decode_cursor(encode_cursor(key), _KINDS) == key


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ([], [UUID]),
        (["x"], [UUID]),
        ([5], [UUID]),
        ([None], [UUID]),
        ({"a": 1}, [UUID]),
        (7, [int]),
        (["9" * 30], [int]),
        (["9" * 5000], [int]),
        (["\x00"], [str]),
        (["\ud800"], [str]),
        ([["a"]], [str]),
        (["2025-01-01"], [datetime]),
        (["2025-01-01T00:00:00"], [datetime]),
        ([str(uuid4()), "more"], [UUID]),
    ],
)
def test_a_cursor_of_another_list_is_refused(value: Any, kinds: list[type]) -> None:
    with pytest.raises(Unprocessable):
        decode_cursor(_cursor(value), kinds)


@given(st.text(max_size=500))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with contextlib.suppress(Unprocessable):
        assert len(decode_cursor(text, [UUID])) == 1


async def test_pages_hold_each_row_once_while_rows_come_and_go(database_urls: dict[str, str]) -> None:
    database = Database(database_urls["registry_worker"], pool_size=2)
    mark = f"paging {uuid4()}"

    def client() -> Client:
        now = datetime.now(UTC)
        return Client(
            id=new_id(),
            name=mark,
            role="police",
            secret_hash=b"x",
            status="active",
            version=1,
            created_at=now,
            updated_at=now,
        )

    rows = [client() for _ in range(25)]
    statement = select(Client).where(Client.name == mark)
    async with database.transaction(DbScope()) as session:
        session.add_all(rows)
    seen: list[UUID] = []
    cursor: str | None = None
    for _ in range(100):
        async with database.transaction(readonly=True) as session:
            items, cursor = await page(session, statement, [Client.id], cursor, 7)
        assert len(items) <= 7
        seen += [item.id for item in items]
        if cursor is None:
            break
        if len(seen) == 7:
            async with database.transaction() as session:
                await session.execute(delete(Client).where(Client.id.in_(seen[:3])))
    assert seen == sorted(row.id for row in rows)
    async with database.transaction() as session:
        await session.execute(delete(Client).where(Client.name == mark))
    await database.close()
