"""Who may find people and see their papers: an office by a right of its own and for a purpose."""

from typing import Final

from services.shared.auth import Principal
from services.shared.errors import FieldError, Forbidden, Unprocessable

_SCOPE: Final = "personal_data"


def check_reader(who: Principal, purpose: str | None, field: str) -> None:
    """Refuse an office without the scope or without a purpose; a firm's own people are known to it.

    Args:
        who: The caller.
        purpose: In words.
        field: Where it is to be given.

    Raises:
        Forbidden: The token has not the scope `personal_data`.
        Unprocessable: An office gives no purpose.
    """
    if who.enterprise_id is not None:
        return
    if _SCOPE not in who.scopes:
        raise Forbidden(f"缺少权限范围 / missing scope: {_SCOPE}")
    if purpose is None:
        fault = FieldError(field, "missing", "主管部门须说明用途 / an office must give its purpose")
        raise Unprocessable(errors=[fault])
