"""Keeping, reading and destroying personal values of one service's subjects."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from services.shared.errors import Gone
from services.shared.locks import lock_name
from services.shared.logs import get_log
from services.shared.personal.keys import KEY_BYTES, KeyRing, UnreadableValue, seal, unseal
from services.shared.personal.tables import PersonalTables


class SubjectErased(Gone):
    """The person's values were erased on request."""

    slug = "subject-erased"
    title_zh, title_en = "个人信息已按请求删除", "The person's data were erased on request"


@dataclass(frozen=True, slots=True, repr=False)
class _Own:
    """A subject's own key, and the ring key it is wrapped by."""

    key: bytes
    ring_key: str


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """What is to be kept of one subject: canonical texts by field, None to remove one."""

    subject_id: UUID
    enterprise_id: UUID | None
    values: Mapping[str, str | None]


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
        # Held until the end, so that no rewrap reads the value before and writes its index after this.
        known = await self._find_own(session, subject_id, hold=True)
        own = known or await self._new_subject(session, subject_id, enterprise_id)
        gone = [field for field, value in values.items() if value is None]
        if gone and known:
            of_subject = self._values.c.subject_id == subject_id
            await session.execute(delete(self._values).where(of_subject, self._values.c.field.in_(gone)))
        rows = [
            self._value_row(subject_id, enterprise_id, own, field, value, indexed)
            for field, value in values.items()
            if value is not None
        ]
        if rows:
            # A stranger may add a subject that it cannot see again, which an upsert would need.
            await session.execute(self._replace() if known else insert(self._values), rows)

    def _value_row(
        self,
        subject_id: UUID,
        enterprise_id: UUID | None,
        own: _Own,
        field: str,
        value: str,
        indexed: Collection[str],
    ) -> dict[str, Any]:
        return {
            "subject_id": subject_id,
            "field": field,
            "enterprise_id": enterprise_id,
            "box": seal(own.key, value.encode(), self._place(subject_id, field)),
            # Under the subject's ring key, whatever the current one: the two are changed together.
            "blind_index": self._ring.index(field, value, own.ring_key) if field in indexed else None,
        }

    async def keep_all(
        self,
        session: AsyncSession,
        subjects: Collection[Kept],
        *,
        indexed: Collection[str] = (),
    ) -> None:
        """Write values of many subjects at once, as `keep` would of each; not for a stranger's transaction.

        Args:
            session: The business transaction; the subjects' entities are locked in it.
            subjects: Each once.
            indexed: Fields that can be looked up by value.
        """
        own = await self._find_all_own(session, [each.subject_id for each in subjects])
        fresh = [each for each in subjects if each.subject_id not in own]
        own |= {each.subject_id: _Own(secrets.token_bytes(KEY_BYTES), self._ring.current) for each in fresh}
        if fresh:
            rows = [
                self._subject_row(each.subject_id, each.enterprise_id, own[each.subject_id]) for each in fresh
            ]
            await session.execute(insert(self._subjects), rows)
        values = [
            self._value_row(each.subject_id, each.enterprise_id, own[each.subject_id], field, value, indexed)
            for each in subjects
            for field, value in each.values.items()
            if value is not None
        ]
        gone = [(each.subject_id, name) for each in subjects for name, v in each.values.items() if v is None]
        if gone:
            v = self._values.c
            await session.execute(delete(self._values).where(tuple_(v.subject_id, v.field).in_(gone)))
        if values:
            await session.execute(self._replace(), values)

    async def _find_all_own(self, session: AsyncSession, subject_ids: Collection[UUID]) -> dict[UUID, _Own]:
        s = self._subjects.c
        statement = select(s.id, s.ring_key, s.own_key).where(s.id.in_(subject_ids)).order_by(s.id)
        rows = await session.execute(statement.with_for_update(read=True))
        return {row.id: _Own(self._unwrap(row.id, row.ring_key, row.own_key), row.ring_key) for row in rows}

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

    async def find_all(
        self, session: AsyncSession, field: str, values: Collection[str]
    ) -> dict[str, list[UUID]]:
        """Return, by canonical value, the subjects that `find` would of each."""
        value_of = {index: value for value in values for index in self._ring.indexes(field, value)}
        v = self._values.c
        statement = select(v.subject_id, v.blind_index).where(
            v.field == field, v.blind_index == func.any(bindparam("indexes", [*value_of], ARRAY(LargeBinary)))
        )
        found: dict[str, list[UUID]] = defaultdict(list)
        for row in await session.execute(statement.order_by(v.subject_id)):
            found[value_of[row.blind_index]].append(row.subject_id)
        return found

    async def hold(self, session: AsyncSession, field: str, value: str, within: UUID) -> None:
        """Let one transaction at a time act on a canonical value within a firm, until it ends.

        Held under every key of the ring, in one order: processes that a rotation has left one state apart
        have a key in common.
        """
        names = {f"{within}/{index.hex()}" for index in self._ring.indexes(field, value)}
        for name in sorted(names):
            await lock_name(session, name)

    async def seal_bytes(
        self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID | None, plain: bytes
    ) -> bytes:
        """Return a box of bytes stored elsewhere (a document's), under the subject's own key."""
        known = await self._find_own(session, subject_id)
        own = known or await self._new_subject(session, subject_id, enterprise_id)
        return seal(own.key, plain, self._place(subject_id, "bytes"))

    async def unseal_bytes(self, session: AsyncSession, subject_id: UUID, box: bytes) -> bytes:
        """Return what `seal_bytes` sealed.

        Raises:
            SubjectErased: The subject's key was destroyed.
        """
        own = await self._find_own(session, subject_id)
        if own is None:
            raise SubjectErased
        return unseal(own.key, box, self._place(subject_id, "bytes"))

    async def hand_over(self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID) -> None:
        """Make a subject a firm's; what was sealed stays as it is."""
        for table, key in ((self._subjects, self._subjects.c.id), (self._values, self._values.c.subject_id)):
            owned = update(table).where(key == subject_id).values(enterprise_id=enterprise_id)
            await session.execute(owned)

    async def erase(self, session: AsyncSession, subject_id: UUID) -> bool:
        """Destroy a subject's key and values for good; tell whether there was one."""
        result: Any = await session.execute(delete(self._subjects).where(self._subjects.c.id == subject_id))
        return bool(result.rowcount)

    @property
    def is_rotating(self) -> bool:
        """Whether something may still be under another key than the current one."""
        return len(self._ring.keys) > 1

    async def rewrap(self, session: AsyncSession, after: UUID, limit: int) -> UUID | None:
        """Bring subjects and their blind indexes under the current ring key; a worker's job.

        Readers find values under either key meanwhile. Whom another transaction holds is left for the next
        time, and so is whatever does not open: that is for an official, not for a loop.

        Args:
            session: A transaction of the worker's.
            after: The subject before the first one to look at.
            limit: Most subjects.

        Returns:
            The last subject looked at, None when there was none.
        """
        others = [name for name in self._ring.keys if name != self._ring.current]
        s = self._subjects.c
        statement = select(s.id, s.ring_key, s.own_key).where(s.id > after, s.ring_key.in_(others))
        statement = statement.order_by(s.id).limit(limit).with_for_update(skip_locked=True)
        rows = (await session.execute(statement)).all()
        for row in rows:
            await self._rewrap_one(session, row.id, row.ring_key, row.own_key)
        return rows[-1].id if rows else None

    async def _rewrap_one(self, session: AsyncSession, subject_id: UUID, ring_key: str, box: bytes) -> None:
        try:
            own_key = self._unwrap(subject_id, ring_key, box)
            indexes = await self._new_indexes(session, subject_id, own_key)
        except UnreadableValue:
            get_log("vault").error("personal_value_unreadable", subject_id=str(subject_id))
            return
        v, s = self._values.c, self._subjects.c
        for field, index in indexes.items():
            changed = update(self._values).where(v.subject_id == subject_id, v.field == field)
            await session.execute(changed.values(blind_index=index))
        wrapped = {"ring_key": self._ring.current, "own_key": self._wrap(subject_id, own_key)}
        await session.execute(update(self._subjects).where(s.id == subject_id).values(wrapped))

    async def _new_indexes(self, session: AsyncSession, subject_id: UUID, own_key: bytes) -> dict[str, bytes]:
        v = self._values.c
        statement = select(v.field, v.box).where(v.subject_id == subject_id, v.blind_index.is_not(None))
        found = {}
        for row in (await session.execute(statement)).all():
            value = unseal(own_key, row.box, self._place(subject_id, row.field)).decode()
            found[row.field] = self._ring.index(row.field, value)
        return found

    async def _find_own(self, session: AsyncSession, subject_id: UUID, *, hold: bool = False) -> _Own | None:
        s = self._subjects.c
        statement = select(s.ring_key, s.own_key).where(s.id == subject_id)
        rows = await session.execute(statement.with_for_update(read=True) if hold else statement)
        row = rows.one_or_none()
        return _Own(self._unwrap(subject_id, row.ring_key, row.own_key), row.ring_key) if row else None

    async def _new_subject(self, session: AsyncSession, subject_id: UUID, enterprise_id: UUID | None) -> _Own:
        own = _Own(secrets.token_bytes(KEY_BYTES), self._ring.current)
        row = self._subject_row(subject_id, enterprise_id, own)
        await session.execute(insert(self._subjects).values(row))
        return own

    def _subject_row(self, subject_id: UUID, enterprise_id: UUID | None, own: _Own) -> dict[str, Any]:
        return {
            "id": subject_id,
            "enterprise_id": enterprise_id,
            "ring_key": own.ring_key,
            "own_key": self._wrap(subject_id, own.key),
        }

    def _wrap(self, subject_id: UUID, own_key: bytes) -> bytes:
        return self._ring.wrap(own_key, self._place(subject_id, "own_key"))

    def _unwrap(self, subject_id: UUID, ring_key: str, box: bytes) -> bytes:
        return self._ring.unwrap(ring_key, box, self._place(subject_id, "own_key"))

    def _place(self, subject_id: UUID, field: str) -> str:
        return f"{self._schema}|{subject_id}|{field}"
