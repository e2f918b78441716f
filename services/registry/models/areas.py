"""Areas and the versions of their shapes."""

from typing import Any
from uuid import UUID

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Area(Base):
    """A place that rules, visits and statistics refer to; its shapes are versions."""

    __tablename__ = "areas"
    __table_args__ = (UniqueConstraint("code"),)

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(32))
    schematic: Mapped[bool]
    closed_at: Mapped[Timestamp | None]
    closed_reason: Mapped[str | None] = mapped_column(String(1000))
    closed_by: Mapped[str | None] = mapped_column(String(200))
    closed_by_name: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int]
    created_at: Mapped[Timestamp]
    updated_at: Mapped[Timestamp]


class AreaVersion(Base):
    """A shape in force over a half-open interval; WGS-84.

    `source` is the circle or road section it was made of, as given; `mended` is what was put right.
    """

    __tablename__ = "area_versions"
    __table_args__ = (
        Index("ix_area_versions_geometry", "geometry", postgresql_using="gist"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="interval"),
        ExcludeConstraint(
            ("area_id", "="),
            (func.tstzrange(text("valid_from"), text("valid_to")), "&&"),
            name="ex_area_versions_interval",
            using="gist",
        ),
    )

    id: Mapped[Key]
    area_id: Mapped[UUID] = mapped_column(ForeignKey("registry.areas.id"))
    valid_from: Mapped[Timestamp]
    valid_to: Mapped[Timestamp | None]
    geometry: Mapped[Any] = mapped_column(
        Geometry("MULTIPOLYGON", srid=4326, spatial_index=False), nullable=False
    )
    source: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    mended: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'"))
    made_by: Mapped[str | None] = mapped_column(String(200))
    made_by_name: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[Timestamp]
