"""What every entity the registry gives out has."""

from uuid import UUID

from pydantic import Field

from services.shared.schemas import Instant, Out


class WarningOut(Out):
    """Something that deserves a look and refuses nothing."""

    code: str = Field(description="Stable code.")
    zh: str = Field(description="In Chinese.")
    en: str = Field(description="In English.")


class EntityOut(Out):
    """An entity with its id, version and times."""

    id: UUID = Field(description="Never used again for anything else.")
    version: int = Field(description="One more with every change; also the ETag.")
    created_at: Instant = Field(description="When the platform first knew it.")
    updated_at: Instant = Field(description="When it last changed.")
