"""Clients and staff accounts."""

from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Client(Base):
    """An OAuth2 client; its secret exists here only as SHA-256."""

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_enterprise_id", "enterprise_id"),)

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(32))
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(32)), server_default=text("'{}'"))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class StaffAccount(Base):
    """A named person of an office, signing in with a password (argon2id)."""

    __tablename__ = "staff_accounts"
    __table_args__ = (UniqueConstraint("username"),)

    id: Mapped[Key]
    username: Mapped[str] = mapped_column(String(64))
    display_name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(32))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(32)))
    password_hash: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]
