"""Columns come from the schemas of the API: none is forgotten, each is named in Chinese and told apart."""

from typing import get_args

import pytest

from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.entity import Entity
from services.registry.operations.imports.export_kinds import TableExport
from services.registry.schemas.imports import EntityName

ENTITY = pytest.mark.parametrize("entity", ENTITIES.values(), ids=ENTITIES.keys())
GIVEN_OTHERWISE = {
    "vehicles": {"enterprise_id"},
    "drivers": {"enterprise_id"},
    "facilities": {"enterprise_id", "operator", "capacity"},
}
"""Fields of a schema that a file names by another column."""


def test_the_api_names_the_entities_there_are() -> None:
    assert set(get_args(EntityName)) == set(ENTITIES)


@ENTITY
def test_every_field_that_a_cell_can_hold_is_a_column(entity: Entity) -> None:
    fields = entity.form.schema.model_json_schema()["properties"]
    plain = {
        name
        for name, field in fields.items()
        if not {"array", "object"} & {each.get("type") for each in (field, *field.get("anyOf", ()))}
    }
    columns = {column.name for column in entity.columns if column.writable}
    assert plain - columns == GIVEN_OTHERWISE.get(entity.name, set())
    required = {column.name for column in entity.columns if column.required}
    assert required - {"kind"} == set(entity.form.schema.model_json_schema()["required"]) - {
        "kind",
        "capacity",
    }


@ENTITY
def test_every_column_has_a_chinese_name_and_a_value_in_exports(entity: Entity) -> None:
    assert not [column.name for column in entity.columns if column.zh.isascii()]
    names = [name for column in entity.columns for name in {column.name, column.zh.partition("（")[0]}]
    assert len(set(names)) == len(names)
    if isinstance(entity.export, TableExport):
        assert not [column.name for column in entity.columns if column.name not in entity.export.values]


@ENTITY
def test_the_schemas_own_example_is_a_row(entity: Entity) -> None:
    (example,) = entity.form.schema.model_json_schema()["examples"]
    if entity.form.shape:
        capacity, operator = example.pop("capacity"), example.pop("operator")
        capacity["services"] = list(capacity["services"])
        example |= capacity | {f"operator_{name}": value for name, value in operator.items()}
    _, faults = entity.form.read(example)
    assert [fault for fault in faults if fault.code != "standard"] == []
    assert set(example) <= {column.name for column in entity.columns}
