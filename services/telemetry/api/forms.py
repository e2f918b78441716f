"""The form of an answer: by `format=`, else by Accept."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Header

from services.shared.errors import NotAcceptable
from services.telemetry.domain.media import choose_form

Accept = Annotated[str | None, Header(description="Media types taken, unless `format` says which.")]


def pick(form: str | None, accept: str | None, offered: Mapping[str, str]) -> str:
    """Give the form asked for; ``offered`` by media type.

    Raises:
        NotAcceptable: the client takes none of them.
    """
    found = form or choose_form(accept, offered)
    if found is None:
        raise NotAcceptable(f"可提供 / offered: {', '.join(offered)}")
    return found
