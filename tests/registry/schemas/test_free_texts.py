"""Every text that comes in and stays in the clear refuses an identity and a mobile number."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.registry import schemas
from services.shared.schemas import Strict

SEALED = {"id_number", "mobile_phone", "licence_number", "qualification_number", "contact_name"}
"""Kept in the vault; they are there to hold such numbers."""
NAMES = {"name", "display_name", "brand", "model", "outlet", "insurance_insurer", "unit"}
"""Of firms, persons and things; a person's own is sealed."""
NUMBERS = {
    *("number", "road_transport_certificate_number", "insurance_policy_number"),
    *("business_licence_number", "road_transport_permit_number"),
}
"""Of papers; any series of digits can be one."""
NOT_KEPT = {"value", "username", "password", "field_group"}
"""Checked and forgotten, hashed, or one of a list."""


def _taking(cls: type[Strict]) -> Iterator[type[Strict]]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _taking(sub)


def _takes(annotation: Any, said: str) -> bool:
    try:
        TypeAdapter(annotation).validate_python(said)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("said", ["电话13900001234", "身份证 11010519491231002X"])
def test_only_what_must_takes_a_personal_number(said: str) -> None:
    for module in pkgutil.iter_modules(schemas.__path__):
        importlib.import_module(f"{schemas.__name__}.{module.name}")
    taking = {
        f"{cls.__name__}.{name}"
        for cls in _taking(Strict)
        if cls.__module__.startswith(f"{schemas.__name__}.")
        for name, field in cls.model_fields.items()
        if _takes(
            Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation, said
        )
    }
    known = SEALED | NAMES | NUMBERS | NOT_KEPT
    assert {each for each in taking if each.partition(".")[2] not in known} == set()
    assert "DriverCreate.mobile_phone" in taking, "the walk sees what takes such a text"
