"""Identifier checks: values in, verdicts out; neither is kept anywhere."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.registry.domain.identifiers import IdentifierKind
from services.registry.schemas.entities import WarningOut
from services.shared.schemas import Out, Strict


class IdentifierIn(Strict):
    """One value to judge."""

    kind: Annotated[
        IdentifierKind, Field(strict=False, description="What the value is said to be.", examples=["uscc"])
    ]
    value: Annotated[str, Field(description="As written.", examples=["91110000600037341L"])]
    plate_color: Annotated[
        int | None, Field(description="Plate colour code, read with kind `plate` only.", examples=[2])
    ] = None


class IdentifierChecksCreate(Strict):
    """Values to judge, each by itself."""

    items: Annotated[list[IdentifierIn], Field(min_length=1, max_length=100, description="1 to 100.")]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {"kind": "uscc", "value": "91110000600037341L"},
                        {"kind": "plate", "value": "辽L·D12345", "plate_color": 94},
                        {"kind": "division", "value": "211121"},
                    ]
                }
            ]
        }
    )


class ReasonOut(Out):
    """A reason, in both languages; the value itself is never repeated."""

    code: str = Field(description="Stable code.")
    zh: str = Field(description="For people, Chinese.")
    en: str = Field(description="For people, English.")


class IdentifierCheckOut(Out):
    """The verdict on one value."""

    valid: bool = Field(description="Whether the standard takes it.")
    normalized: str | None = Field(description="Its canonical form; null when it is not valid.")
    reasons: list[ReasonOut] = Field(description="Why it is not valid; empty when it is.")
    warnings: list[WarningOut] = Field(description="What deserves a look; it is valid all the same.")


class IdentifierChecksOut(Out):
    """One verdict a value, in the order given."""

    items: list[IdentifierCheckOut] = Field(description="As many as were asked about.")
