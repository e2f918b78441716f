"""Words that stay on record in the clear: no identity and no mobile number in them."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from services.shared.schemas import Name, Text
from services.shared.standards.free_text import PERSONAL_NUMBER, holds_personal_number


def unpersonal(text: str) -> str:
    """Return a text that may stay on record.

    Raises:
        PydanticCustomError: It holds an identity or a mobile number; a ValueError.
    """
    if holds_personal_number(text):
        raise PydanticCustomError(
            "standard", "{zh} / {en}", {"zh": PERSONAL_NUMBER.zh, "en": PERSONAL_NUMBER.en}
        )
    return text


FreeText = Annotated[Text, AfterValidator(unpersonal)]
"""A text of any length."""
FreeName = Annotated[Name, AfterValidator(unpersonal)]
"""A line of 1 to 200 characters that people choose themselves."""
