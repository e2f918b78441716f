"""The gateway's tables: copies of what it follows, and the exchange's logs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.shared.db import make_metadata
from services.shared.ddl import kernel_tables
from services.shared.follow import follow_tables

SCHEMA_REVISION = "0001"


class Base(DeclarativeBase):
    """Base of the gateway's tables."""

    metadata = make_metadata("gateway")


KERNEL = kernel_tables(Base.metadata)
follow_cursors = follow_tables(Base.metadata)


class Copy(Base):
    """The newest followed state of an entity.

    `in_scope` says whether it may leave at all (no demo, every parent known and in scope). `stale` marks
    what a bootstrap that has begun has not confirmed yet; once it has ended, the stale ones are gone at
    their source.
    """

    __tablename__ = "copies"
    __table_args__ = (
        Index("ix_copies_parents", "parents", postgresql_using="gin"),
        Index("ix_copies_stale", "source", postgresql_where=text("stale")),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[bool] = mapped_column(Boolean)
    demo: Mapped[bool] = mapped_column(Boolean)
    in_scope: Mapped[bool] = mapped_column(Boolean)
    stale: Mapped[bool] = mapped_column(Boolean)
    parents: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    state: Mapped[bytes] = mapped_column(LargeBinary)


class ExchangeLog(Base):
    """The head of one log; `contents` proves the set of its entities (`domain/contents.py`).

    Positions up to `cut_pos`, whose digest is `cut_digest`, are no longer kept.
    """

    __tablename__ = "exchange_logs"

    dataset: Mapped[str] = mapped_column(Text, primary_key=True)
    audience: Mapped[str] = mapped_column(Text, primary_key=True)
    feed_id: Mapped[UUID] = mapped_column(Uuid)
    cluster: Mapped[str] = mapped_column(Text)
    pos: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    entities: Mapped[int] = mapped_column(BigInteger)
    contents: Mapped[bytes] = mapped_column(LargeBinary)
    cut_pos: Mapped[int] = mapped_column(BigInteger)
    cut_digest: Mapped[bytes] = mapped_column(LargeBinary)


class ExchangeChange(Base):
    """One position of a log; never altered."""

    __tablename__ = "exchange_changes"

    dataset: Mapped[str] = mapped_column(Text, primary_key=True)
    audience: Mapped[str] = mapped_column(Text, primary_key=True)
    pos: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Text)
    id: Mapped[UUID] = mapped_column(Uuid)
    version: Mapped[int] = mapped_column(BigInteger)
    schema_version: Mapped[int] = mapped_column(SmallInteger)
    deleted: Mapped[bool] = mapped_column(Boolean)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class ExchangeHead(Base):
    """The newest served state of each entity of a log."""

    __tablename__ = "exchange_heads"

    dataset: Mapped[str] = mapped_column(Text, primary_key=True)
    audience: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(BigInteger)
    schema_version: Mapped[int] = mapped_column(SmallInteger)
    deleted: Mapped[bool] = mapped_column(Boolean)
    pos: Mapped[int] = mapped_column(BigInteger)
    recorded_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    state: Mapped[bytes] = mapped_column(LargeBinary)
