"""Commands down to a terminal over HTTP."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.shared.schemas import Instant, Out, Strict, clean_text, not_blank
from services.shared.texts import unpersonal

Words = Annotated[
    str,
    Field(min_length=1, max_length=500),
    AfterValidator(clean_text),
    AfterValidator(not_blank),
    AfterValidator(unpersonal),
]
"""What a driver reads; it stays on record."""
CommandKind = Literal["interval", "text"]
Status = Literal["queued", "delivered", "answered", "expired"]
Result = Literal["done", "failed", "wrong", "unsupported"]


class CommandCreate(Strict):
    """What a terminal is told: how often to report, or a text for the driver."""

    kind: CommandKind = Field(description="`interval`: seconds between reports; `text`: shown and read out.")
    interval_s: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        default=None, description="Of `interval`: seconds between two reports.", examples=[30]
    )
    text: Words | None = Field(
        default=None,
        description="发给驾驶员的文字 / Of `text`: what the driver reads; at most 1,000 bytes in GBK."
        " It stays on record: no identity or mobile number in it.",
        examples=["请改走兴隆台街卸货口"],
    )
    urgent: bool = Field(default=False, description="Of `text`: marked as urgent on the device.")
    valid_for_s: int = Field(
        default=3600, ge=10, le=604_800, description="After so many seconds it expires if not answered."
    )

    @model_validator(mode="after")
    def _one_of_its_kind(self) -> Self:
        wanted, other = ("interval_s", "text") if self.kind == "interval" else ("text", "interval_s")
        if getattr(self, wanted) is None or getattr(self, other) is not None:
            raise PydanticCustomError(
                "command_incomplete",
                "须有且仅有该指令类型的内容 / exactly the member of its kind is required",
            )
        if self.kind == "interval" and self.urgent:
            raise PydanticCustomError("command_incomplete", "仅文字可标为紧急 / only a text is urgent")
        return self


class CommandOut(Out):
    """A command and how far it has come."""

    id: UUID
    terminal_id: UUID
    kind: CommandKind
    interval_s: int | None
    text: str | None = Field(default=None, description="Of `text`; not in the repetition of an answer.")
    urgent: bool
    status: Status = Field(
        description="`delivered`: sent to the connected device, or taken by the broker for it;"
        " `answered`: the device has said what came of it."
    )
    result: Result | None = Field(description="What the device answered.")
    created_at: Instant
    created_by: str
    expires_at: Instant
    delivered_at: Instant | None
    answered_at: Instant | None
