"""Documents: uploaded evidence."""

from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field

from services.shared.schemas import Instant, Out


class DocumentOut(Out):
    """A document, without its bytes."""

    id: UUID = Field(description="Named where the document is evidence.")
    enterprise_id: UUID | None = Field(description="The firm it belongs to; null for an office's own.")
    sha256: Annotated[str, BeforeValidator(bytes.hex)] = Field(description="Hash of the bytes, hexadecimal.")
    media_type: str = Field(description="What the bytes are: PDF, JPEG or PNG.")
    size_bytes: int = Field(description="Length.")
    created_at: Instant = Field(description="When it was uploaded first.")
    erased_at: Instant | None = Field(description="When its bytes were destroyed; null while they are kept.")
