"""Whose view a caller of the exchange gets: the province's with its token, the public's without one."""

from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from gateway.domain.datasets import DATASETS, Audience
from gateway.errors import DatasetUnknown
from gateway.queries.exchange import LogName
from services.shared.auth.guards import authenticate
from services.shared.auth.principal import BUREAUS, Role

_BEARER = HTTPBearer(auto_error=False, description="Access token of `POST /oauth/token`.")
_PROVINCE = frozenset({Role.province, *BUREAUS})


async def audience_of(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
) -> Audience:
    """Return the audience of the caller; a token that does not hold is refused, not taken for the public.

    Raises:
        Unauthorized: The token does not hold.
    """
    if credentials is None:
        return Audience.public
    principal = await authenticate(request, credentials)
    return Audience.province if principal.role in _PROVINCE else Audience.public


Reader = Annotated[Audience, Depends(audience_of)]


async def log_of(
    audience: Reader, dataset: Annotated[str, Path(max_length=64, description="Name of the dataset.")]
) -> LogName:
    """Return the log a path and a caller name.

    Raises:
        DatasetUnknown: There is none for this audience.
    """
    known = DATASETS.get(dataset)
    if known is None or audience not in known.audiences:
        raise DatasetUnknown
    return LogName(dataset, audience)


Log = Annotated[LogName, Depends(log_of)]
