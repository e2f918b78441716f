"""`ETag` and `If-Match`: an entity's version, where two offices edit one thing."""

import re
from typing import Annotated

from fastapi import Depends, Header

from services.shared.errors import FieldError, Unprocessable

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"')


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


async def _expected_version(
    if_match: Annotated[
        str | None,
        Header(
            max_length=100,
            description="ETag of the version the change is based on.",
            json_schema_extra={"pattern": r'^(\*|(W/)?"[0-9]{1,9}")$'},
        ),
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        fault = FieldError("header.If-Match", "etag_invalid", "须为单个ETag或* / one ETag or *")
        raise Unprocessable(errors=[fault])
    return int(found[1])


ExpectedVersion = Annotated[int | None, Depends(_expected_version)]
