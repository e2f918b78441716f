"""Columns of a table, read off the schema that takes one row as a request body.

A field added to the schema is a column of template, import and export by itself.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from services.registry.domain.sheets import Column, Kind

Codes = Mapping[str, tuple[str, str]]

_KINDS: Final = {
    ("string", None): Kind.TEXT,
    ("string", "uuid"): Kind.TEXT,
    ("string", "date"): Kind.DAY,
    ("string", "date-time"): Kind.INSTANT,
    ("integer", None): Kind.INTEGER,
    ("number", None): Kind.NUMBER,
    ("boolean", None): Kind.BOOLEAN,
}
_KIND_RULES: Final = {
    Kind.TEXT: "文本 / text",
    Kind.INTEGER: "整数 / whole number",
    Kind.NUMBER: "数值 / number",
    Kind.BOOLEAN: "是或否 / yes or no",
    Kind.DAY: "日期，如 2026-01-31 / date",
    Kind.LIST: "可填多个，用分号分开 / several, divided by semicolons",
    Kind.INSTANT: "时间，如 2026-01-31 08:30（北京时间） / time, of Beijing unless with an offset",
}
_BOUNDS: Final = {
    "minimum": "不小于 {0} / at least {0}",
    "exclusiveMinimum": "大于 {0} / more than {0}",
    "maximum": "不大于 {0} / at most {0}",
    "exclusiveMaximum": "小于 {0} / less than {0}",
    "minLength": "至少 {0} 个字符 / at least {0} characters",
    "maxLength": "至多 {0} 个字符 / at most {0} characters",
}


def columns_of(
    schema: type[BaseModel],
    zh: Mapping[str, str],
    *,
    codes: Mapping[str, Codes],
    leave_out: Collection[str] = (),
    first: Sequence[str] = (),
) -> tuple[Column, ...]:
    """Return a column for each field that one cell can hold: of lists those of codes, and no object.

    Args:
        schema: Takes one row, in JSON.
        zh: Chinese names with their units, by field; a field without one goes by its own name.
        codes: Code lists by field; an enumeration of the schema is one by itself, these name its values.
        leave_out: Fields that a file does not give.
        first: Fields to begin with.
    """
    plain = schema.model_json_schema()
    required = frozenset(plain.get("required", ()))
    fields = {name: _flat(field, plain.get("$defs", {})) for name, field in plain["properties"].items()}
    order = [*first, *(name for name in fields if name not in first)]
    columns = []
    for name in order:
        kind = _kind(fields[name])
        if kind is None or name in leave_out:
            continue
        named = fields[name].get("enum") or fields[name].get("items", {}).get("enum", ())
        allowed = codes.get(name) or {str(code): ("", "") for code in named}
        columns.append(
            Column(
                name=name,
                zh=zh.get(name, name),
                kind=kind,
                required=name in required,
                codes=allowed,
                rule="；".join(_rules(fields[name], kind)),
                example=str(next(iter(fields[name].get("examples", ())), "")),
            )
        )
    return tuple(columns)


def _kind(field: Mapping[str, Any]) -> Kind | None:
    if field.get("type") == "array":
        return Kind.LIST if "enum" in field.get("items", {}) else None
    return _KINDS.get((str(field.get("type")), field.get("format")))


def _flat(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field with what it refers to, and the one thing it can be beside null."""
    found = dict(field)
    if "$ref" in found:
        return {**_flat(definitions[found["$ref"].rpartition("/")[2]], definitions), **found}
    kinds = [kind for kind in found.get("anyOf", ()) if kind.get("type") != "null"]
    return {**_flat(kinds[0], definitions), **found} if len(kinds) == 1 else found


def _rules(field: Mapping[str, Any], kind: Kind) -> Iterator[str]:
    yield _KIND_RULES[kind]
    yield from (text.format(field[name]) for name, text in _BOUNDS.items() if name in field)
    if field.get("description"):
        yield str(field["description"]).rstrip(".")
