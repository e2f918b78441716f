"""Answers that a client may keep: `ETag`, `If-None-Match`, `Cache-Control` (RFC 9110, RFC 9111)."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

KEEP_S = 3600

KnownTags = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1000, description="ETags of answers already held."),
]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The answer held is still the present one"}
}


def cacheable(answer: BaseModel, known: str | None) -> Response:
    """Return an answer everybody may keep for an hour; 304 without it when the client has this very one."""
    body = answer.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={KEEP_S}"}
    if known is not None and _holds(known, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _holds(known: str, tag: str) -> bool:
    tags = {part.strip().removeprefix("W/") for part in known.split(",")}
    return bool(tags & {tag, "*"})
