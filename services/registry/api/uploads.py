"""Raw bodies: a file is the body itself, its type the `Content-Type`."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Request


def binary_body(media_types: Iterable[str]) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that takes a file."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": dict.fromkeys(media_types, schema)}}


async def _declared(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _body(request: Request) -> bytes:
    return await request.body()


DeclaredType = Annotated[str, Depends(_declared)]
"""The media type without parameters, lower case; empty when none is given."""
FileBody = Annotated[bytes, Depends(_body)]
"""The whole body, within the route's limit."""
