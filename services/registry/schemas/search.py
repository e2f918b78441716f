"""Search by fragments: what is looked for, and what is found."""

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.registry.domain.enterprises import EnterpriseKind, Standing
from services.registry.domain.search import LEAST, Sought, fold_fragment
from services.shared.schemas import Instant, Out, clean_text


def _folded(text: str) -> str:
    fragment = fold_fragment(clean_text(text))
    if len(fragment) < LEAST:
        raise PydanticCustomError(
            "fragment_too_short",
            "去掉空格、连字符和间隔点后至少2个字符 / two characters beside spaces, hyphens and dots",
        )
    return fragment


Fragment = Annotated[
    str,
    Query(
        min_length=LEAST,
        max_length=64,
        description="Part of a plate, of a firm's name, or of its USCC: 2 characters or more. Case, width,"
        " spaces, hyphens and dots make no difference.",
        examples=["LD12", "顺达"],
    ),
    AfterValidator(_folded),
]


class EnterpriseFound(Out):
    """A firm whose name or USCC holds the fragment."""

    found: Literal["enterprise"] = Field(default="enterprise", description="What was found.")
    id: UUID = Field(description="The firm.")
    name: str = Field(description="Registered name.")
    uscc: str = Field(description="Unified social credit code.")
    kind: EnterpriseKind = Field(description="Kind of firm.")
    status: Standing = Field(description="Standing.")


class VehicleFound(Out):
    """A registration whose plate holds the fragment; past ones too."""

    found: Literal["vehicle"] = Field(default="vehicle", description="What was found.")
    id: UUID = Field(description="The registration.")
    enterprise_id: UUID = Field(description="The owner.")
    plate_number: str = Field(description="In canonical form.")
    plate_color: int = Field(description="Plate colour code.")
    vehicle_type: str | None = Field(description="GA 24.4.")
    valid_from: Instant = Field(description="Begin of the registration.")
    valid_to: Instant | None = Field(description="End, exclusive; null while open.")


SearchResult = Annotated[EnterpriseFound | VehicleFound, Field(discriminator="found")]
RESULTS: Final[dict[Sought, type[EnterpriseFound | VehicleFound]]] = {
    Sought.ENTERPRISE: EnterpriseFound,
    Sought.VEHICLE: VehicleFound,
}
