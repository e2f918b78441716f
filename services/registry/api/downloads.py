"""Answers that are files."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Response
from fastapi.responses import StreamingResponse

from services.registry.operations.imports.exporting import MEDIA_TYPES
from services.registry.schemas.imports import Encoding, TableFormat
from services.shared.routes import problems

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


def media_type(kind: TableFormat, encoding: Encoding) -> str:
    """Return a table's media type; of a CSV with its encoding."""
    return f"{MEDIA_TYPES[kind]}; charset={encoding}" if kind == "csv" else MEDIA_TYPES[kind]


def file_responses(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that answers with a file."""
    return {200: {"content": dict.fromkeys(media_types, _BYTES), "description": "The file."}, **problems(429)}


def attachment(stream: AsyncIterator[bytes], media_type: str, name: str) -> StreamingResponse:
    """Return a file as it is being made, to be kept and not shown."""
    return StreamingResponse(stream, media_type=media_type, headers=_headers(name))


def whole_attachment(content: bytes, media_type: str, name: str) -> Response:
    """Return a file that is there already."""
    return Response(content, media_type=media_type, headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {**_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
