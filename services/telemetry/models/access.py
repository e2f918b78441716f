"""Readings of positions: who, of whose vehicles, where, when and why; never a position."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped

from services.shared.audit import access_log_table
from services.telemetry.models.base import Base


class AccessEntry(Base):
    """One reading as it concerns one firm; append-only, chained (`services.shared.audit`)."""

    __table__ = access_log_table(Base.metadata)

    pos: Mapped[int]
    recorded_at: Mapped[datetime]
    about: Mapped[UUID]
    enterprise_id: Mapped[UUID | None]
    entry: Mapped[bytes]
