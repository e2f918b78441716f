"""What a file with personal values is read for, where the request has no body: `X-Purpose`."""

from typing import Annotated, Any
from urllib.parse import quote, unquote_to_bytes

from fastapi import Header
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from services.registry.schemas.fields import Purpose


def _decoded(value: Any) -> Any:
    """Return a header's text: UTF-8, percent-encoded or as it is."""
    if not isinstance(value, str):
        return value
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except ValueError as error:
        raise PydanticCustomError(
            "encoding", "须为百分号编码的 UTF-8 / must be percent-encoded UTF-8"
        ) from error


GivenPurpose = Annotated[
    Annotated[Purpose, BeforeValidator(_decoded), Field(examples=[quote("核实驾驶证")])] | None,
    Header(
        alias="X-Purpose",
        description="用途，UTF-8 百分号编码；主管部门查看驾驶员材料时必填"
        " / What for, percent-encoded UTF-8; needed from an office for a driver's papers.",
    ),
]
