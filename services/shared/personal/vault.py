"""Keeping, reading and destroying personal values of one service's subjects."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.errors import Gone
from services.shared.personal.keys import KEY_BYTES, KeyRing, seal, unseal
from services.shared.personal.tables import PersonalTables


class SubjectErased(Gone):
    """The person's values were erased on request."""

    slug = "subject-erased"
    title_zh, title_en = "个人信息已按请求删除", "The person's data were erased on request"


class Vault:
    """The personal values of one service.

    Args:
        schema: The service; part of the place each box is bound to.
        tables: Of `personal_tables`.
        ring: The keys; an API and a worker of one service have the same.
    """

    def __init__(self, schema: str, tables: PersonalTables, ring: KeyRing) -> None:
        self._schema, self._ring = schema, ring
        self._subjects, self._values = tables.subjects, tables.values

    async def keep(
        self,
        session: AsyncSession,
        subject_id: UUID,
        enterprise_id: UUID | None,
        values: Mapping[str, str | None],
        *,
        indexed: Collection[str] = (),
    ) -> None:
        """Write values of a subject, replacing those of the same fields; None removes one.

        Args:
            session: The business transaction; the subject's entity is locked in it.
            subject_id: The person, or the document.
            enterprise_id: Whose subject it is; row-level security reads it.
            values: Canonical texts by field.
            indexed: Fields that can be looked up by value.
        """
        known = await self._own_key(session, subject_id)
        own_key = known or await self._new_subject(session, subject_id, enterprise_id)
        gone = [field for field, value in values.items() if value is None]
        if gone and known:
            of_subject = self._values.c.subject_id == subject_id
            await session.execute(delete(self._values).where(of_subject, self._values.c.field.in_(gone)))
        rows = [
            {
                "subject_id": subject_id,
                "field": field,
                "enterprise_id": enterprise_id,
                "box": seal(own_key, value.encode(), self._place(subject_id, field)),
                "blind_index": self._ring.index(field, value) if field in indexed else None,
            }
            for field, value in values.items()
            if value is not None
        ]
        if rows:
            # A stranger may add a subject that it cannot see again, which an upsert would need.
            await session.execute(self._replace() if known else insert(self._values), rows)

    def _replace(self) -> Any:
        statement = upsert(self._values)
        changed = {name: statement.excluded[name] for name in ("box", "blind_index")}
        return statement.on_conflict_do_update(index_elements=["subject_id", "field"], set_=changed)

    async def read(self, session: AsyncSession, subject_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
        """Return the values of subjects by id and field; an erased or unseen subject is absent."""
        v, s = self._values.c, self._subjects.c
        statement = (
            select(v.subject_id, v.field, v.box, s.ring_key, s.own_key)
            .join(self._subjects, s.id == v.subject_id)
            .where(s.id.in_(subject_ids))
        )
        keys: dict[UUID, bytes] = {}
        found: dict[UUID, dict[str, str]] = defaultdict(dict)
        for row in await session.execute(statement):
            if row.subject_id not in keys:
                keys[row.subject_id] = self._unwrap(row.subject_id, row.ring_key, row.own_key)
            place = self._place(row.subject_id, row.field)
            found[row.subject_id][row.field] = unseal(keys[row.subject_id], row.box, place).decode()
        return dict(found)

    async def find(self, session: AsyncSession, field: str, value: str) -> list[UUID]:
        """Return the subjects with this canonical value in an indexed field that the caller may see."""
        v = self._values.c
        statement = select(v.subject_id).where(
            v.field == field, v.blind_index.in_(self._ring.indexes(field, value))
        )
        return list(await session.scalars(statement.order_by(v.subject_id)))

    async def seal_bytes(
        self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID | None, plain: bytes
    ) -> bytes:
        """Return a box of bytes stored elsewhere (a document's), under the subject's own key."""
        own_key = await self._own_key(session, subject_id) or await self._new_subject(
            session, subject_id, enterprise_id
        )
        return seal(own_key, plain, self._place(subject_id, "bytes"))

    async def unseal_bytes(self, session: AsyncSession, subject_id: UUID, box: bytes) -> bytes:
        """Return what `seal_bytes` sealed.

        Raises:
            SubjectErased: The subject's key was destroyed.
        """
        own_key = await self._own_key(session, subject_id)
        if own_key is None:
            raise SubjectErased
        return unseal(own_key, box, self._place(subject_id, "bytes"))

    async def hand_over(self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID) -> None:
        """Make a subject a firm's; what was sealed stays as it is."""
        for table, key in ((self._subjects, self._subjects.c.id), (self._values, self._values.c.subject_id)):
            owned = update(table).where(key == subject_id).values(enterprise_id=enterprise_id)
            await session.execute(owned)

    async def erase(self, session: AsyncSession, subject_id: UUID) -> bool:
        """Destroy a subject's key and values for good; tell whether there was one."""
        result: Any = await session.execute(delete(self._subjects).where(self._subjects.c.id == subject_id))
        return bool(result.rowcount)

    async def rewrap(self, session: AsyncSession, limit: int) -> int:
        """Bring up to `limit` subjects and their blind indexes under the current ring key; how many it were.

        A job of the worker after a new key was added; readers find values under either key meanwhile.
        """
        s = self._subjects.c
        statement = select(s.id, s.ring_key, s.own_key).where(s.ring_key != self._ring.current)
        rows = (await session.execute(statement.order_by(s.id).limit(limit).with_for_update())).all()
        for row in rows:
            own_key = self._unwrap(row.id, row.ring_key, row.own_key)
            await self._index_anew(session, row.id, own_key)
            wrapped = {"ring_key": self._ring.current, "own_key": self._wrap(row.id, own_key)}
            await session.execute(update(self._subjects).where(s.id == row.id).values(wrapped))
        return len(rows)

    async def _index_anew(self, session: AsyncSession, subject_id: UUID, own_key: bytes) -> None:
        v = self._values.c
        statement = select(v.field, v.box).where(v.subject_id == subject_id, v.blind_index.is_not(None))
        for row in (await session.execute(statement)).all():
            value = unseal(own_key, row.box, self._place(subject_id, row.field)).decode()
            changed = update(self._values).where(v.subject_id == subject_id, v.field == row.field)
            await session.execute(changed.values(blind_index=self._ring.index(row.field, value)))

    async def _own_key(self, session: AsyncSession, subject_id: UUID) -> bytes | None:
        s = self._subjects.c
        row = (await session.execute(select(s.ring_key, s.own_key).where(s.id == subject_id))).one_or_none()
        return self._unwrap(subject_id, row.ring_key, row.own_key) if row else None

    async def _new_subject(
        self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID | None
    ) -> bytes:
        own_key = secrets.token_bytes(KEY_BYTES)
        row = {
            "id": subject_id,
            "enterprise_id": enterprise_id,
            "ring_key": self._ring.current,
            "own_key": self._wrap(subject_id, own_key),
        }
        await session.execute(insert(self._subjects).values(row))
        return own_key

    def _wrap(self, subject_id: UUID, own_key: bytes) -> bytes:
        return self._ring.wrap(own_key, self._place(subject_id, "own_key"))

    def _unwrap(self, subject_id: UUID, ring_key: str, box: bytes) -> bytes:
        return self._ring.unwrap(ring_key, box, self._place(subject_id, "own_key"))

    def _place(self, subject_id: UUID, field: str) -> str:
        return f"{self._schema}|{subject_id}|{field}"
