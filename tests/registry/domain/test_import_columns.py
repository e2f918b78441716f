"""Columns come from the schemas of the API: none is forgotten, each is named in Chinese and told apart."""

from typing import get_args

import pytest

from services.registry.domain.codes.book import LISTS
from services.registry.domain.sheets import Column
from services.registry.domain.sheets.columns import CellRefused, read_cell
from services.registry.operations.imports.catalogue import ENTITIES
from services.registry.operations.imports.entity import Entity
from services.registry.operations.imports.export_kinds import TableExport
from services.registry.schemas.imports import EntityName
from services.shared.standards.zones import CITY_ZONE

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


@ENTITY
def test_a_cell_may_hold_every_name_that_the_code_lists_publish(entity: Entity) -> None:
    coded = [column for column in entity.columns if column.codes]
    assert coded
    members = {"contact_role": "role"}
    for column in coded:
        published = [
            each
            for each in LISTS
            if members.get(column.name, column.name) in each.fields
            and {str(item.code) for item in each.items} == set(column.codes)
        ]
        assert published, column.name
        for item in published[0].items:
            shared = [str(each.code) for each in published[0].items if each.zh == item.zh]
            for text in (str(item.code), f"{item.code} {item.zh} {item.en}"):
                assert read(column, text) == [str(item.code)], text
            for text in (item.zh, item.en, item.en.upper(), f"{item.zh} {item.en}"):
                if len(shared) == 1:
                    assert read(column, text) == [str(item.code)], text
                else:
                    with pytest.raises(CellRefused) as refusal:
                        read(column, text)
                    assert all(code in refusal.value.reason.zh for code in shared)


def read(column: Column, text: str) -> list[str]:
    """Return the codes that a cell means."""
    found = read_cell(column, text, CITY_ZONE)
    return found if isinstance(found, list) else [str(found)]
