"""What every table of the registry stands on: the metadata, the kernel's tables, the feed."""

from sqlalchemy.orm import DeclarativeBase

from services.shared.changes import Feed
from services.shared.db import make_metadata
from services.shared.ddl import kernel_tables
from services.shared.personal import personal_tables

SCHEMA_REVISION = "0007"


class Base(DeclarativeBase):
    """Base of the registry's tables."""

    metadata = make_metadata("registry")


KERNEL = kernel_tables(Base.metadata)
FEED = Feed("registry", Base.metadata)
PERSONAL = personal_tables(Base.metadata)
