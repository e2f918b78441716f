"""How a schema says what a standard found wrong."""

from pydantic_core import PydanticCustomError

from services.shared.standards.check import Reason


def refused(reason: Reason) -> PydanticCustomError:
    """Return a reason as the fault of a field."""
    # The braces of a message template are pydantic's; no reason has any.
    return PydanticCustomError("standard", "{zh} / {en}", {"zh": reason.zh, "en": reason.en})
