"""What every table of telemetry stands on: the metadata, the kernel's tables, the feed."""

from sqlalchemy.orm import DeclarativeBase

from services.shared.changes import Feed
from services.shared.db import make_metadata
from services.shared.ddl import kernel_tables
from services.shared.follow import follow_tables

SCHEMA_REVISION = "0007"


class Base(DeclarativeBase):
    """Base of the service's entities."""

    metadata = make_metadata("telemetry")


feed = Feed("telemetry", Base.metadata)
kernel = kernel_tables(Base.metadata)
follow_cursors = follow_tables(Base.metadata)
