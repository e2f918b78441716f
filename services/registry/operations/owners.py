"""Whose a new entry is: a firm's own, or the one an office names."""

from uuid import UUID

from services.shared.auth import Principal
from services.shared.errors import FieldError, NotFound, Unprocessable


def owner_of(who: Principal, named: UUID | None) -> UUID:
    """Return the firm a new entry belongs to.

    Raises:
        NotFound: A firm names another one.
        Unprocessable: An office names none.
    """
    owner = who.enterprise_id if who.enterprise_id is not None else named
    if owner is None:
        fault = FieldError("body.enterprise_id", "missing", "须指明企业 / name the enterprise")
        raise Unprocessable(errors=[fault])
    if named not in {None, owner}:
        raise NotFound
    return owner
