"""Only listed paths leave, and every listed path exists in what is followed."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.consumers.worker import KINDS, copy_version
from gateway.domain import contents
from gateway.domain.datasets import BY_KIND, DATASETS, Audience
from gateway.domain.projection import field_tree, project

names = st.sampled_from("abcde")
states = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=15,
)
paths = st.lists(st.lists(names, min_size=1, max_size=3).map(".".join), max_size=5)


def leaves(value: Any, path: tuple[str, ...] = ()) -> set[str]:
    """Paths at which a value other than null stands."""
    if isinstance(value, dict):
        return {found for name, item in value.items() for found in leaves(item, (*path, name))}
    if isinstance(value, list):
        return {found for item in value for found in leaves(item, path)}
    return set() if value is None else {".".join(path)}


@given(st.dictionaries(names, states), paths)
def test_no_value_leaves_under_another_path(state: dict[str, Any], listed: list[str]) -> None:
    assert leaves(project(state, field_tree(listed))) <= set(listed)


@given(st.dictionaries(names, states), paths)
def test_every_listed_leaf_leaves(state: dict[str, Any], listed: list[str]) -> None:
    longer = {path for path in listed if any(other.startswith(f"{path}.") for other in listed)}
    wanted = leaves(state) & set(listed) - longer
    assert wanted <= leaves(project(state, field_tree(listed)))


def known_paths(schema: dict[str, Any], whole: dict[str, Any], path: tuple[str, ...] = ()) -> set[str]:
    """Every path a JSON schema describes; an object of any members stands for all below it."""
    if "$ref" in schema:
        return known_paths(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, path)
    if "anyOf" in schema:
        return {found for each in schema["anyOf"] for found in known_paths(each, whole, path)}
    if "items" in schema and isinstance(schema["items"], dict):
        return known_paths(schema["items"], whole, path) | {".".join(path)}
    if "properties" in schema:
        members = schema["properties"].items()
        return {found for name, each in members for found in known_paths(each, whole, (*path, name))}
    if schema.get("type") == "object":
        return {".".join((*path, "*"))}
    return {".".join(path)}


@pytest.mark.parametrize("name", DATASETS)
def test_every_listed_field_is_one_that_is_followed(name: str) -> None:
    dataset = DATASETS[name]
    model: type[BaseModel] = KINDS[dataset.source][dataset.kind]
    schema = model.model_json_schema(mode="serialization")
    known = known_paths(schema, schema)
    for audience, fields in dataset.audiences.items():
        assert fields[0] == "id", audience
        unknown = {f for f in fields if f not in known and f"{f.rpartition('.')[0]}.*" not in known}
        assert not unknown, audience
    assert set(dataset.parents) <= {path.split(".")[0] for path in known}


def test_the_public_gets_no_firm_no_vehicle_and_no_person() -> None:
    public = {name for name, dataset in DATASETS.items() if Audience.public in dataset.audiences}
    assert public == {"areas", "restriction-rules"}


def test_every_followed_kind_but_clients_is_a_dataset() -> None:
    followed = {(source, kind) for source, kinds in KINDS.items() for kind in kinds}
    assert followed - set(BY_KIND) == {("registry", "client")}
    assert set(BY_KIND) <= followed


def test_copy_version_is_a_stable_small_number() -> None:
    found = [copy_version(source) for source in KINDS]
    assert found == [copy_version(source) for source in KINDS]
    assert len(set(found)) == len(found)
    assert all(0 <= number < 2**31 for number in found)


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.none() | st.binary(max_size=3)), max_size=20))
def test_the_sum_depends_only_on_what_is_there(steps: list[tuple[str, bytes | None]]) -> None:
    held: dict[str, bytes | None] = {}
    total = contents.EMPTY
    for name, state in steps:
        total = contents.replace(total, held.get(name), state)
        held[name] = state
    expected = sum(int(hashlib.sha256(state).hexdigest(), 16) for state in held.values() if state is not None)
    assert int.from_bytes(total, "big") == expected % 2**256
