"""The form of an entity: from the cells of a row to the model that the API's own schema makes of a body."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from services.shared.errors import FieldError
from services.shared.faults import field_errors

Values = Mapping[str, Any]
"""JSON values by column, None where a cell is empty."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one row is read.

    Attributes:
        schema: Of the API's request body.
        shape: Makes a body of a row's values where that is not flat.
        names: Field of the schema, dotted → the column that it comes from, where they differ.
    """

    schema: type[BaseModel]
    shape: Callable[[Values], dict[str, Any]] | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def read(self, values: Values) -> tuple[Any, list[FieldError]]:
        """Return the model of a row, or None and what is wrong with which column."""
        body = self.shape(values) if self.shape else self._flat(values)
        try:
            return self.schema.model_validate_json(to_json(body)), []
        except ValidationError as error:
            faults = field_errors(error.errors(include_url=False, include_input=False))
            return None, [FieldError(self._column(each.field), each.code, each.message) for each in faults]

    def _flat(self, values: Values) -> dict[str, Any]:
        fields = self.schema.model_fields
        return {name: value for name, value in values.items() if value is not None and name in fields}

    def _column(self, name: str) -> str:
        parts = [part for part in name.split(".") if not part.isdigit()]
        return self.names.get(".".join(parts)) or parts[-1] or "row"
