"""One OpenAPI document from those of the services."""

from collections.abc import Mapping, Sequence
from typing import Any

_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_REF = "#/components/{0}/{1}"


class DescriptionClash(ValueError):
    """Two services describe the same path."""


def merge(title: str, documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return one OpenAPI 3.1 document.

    Components that are the same in two services are one; those that differ under one name carry the
    service's name in front, and so do operation ids that occur twice. Each service is a tag group of its own.

    Args:
        title: Of the document.
        documents: By service, in the order they are shown.

    Raises:
        DescriptionClash: A path is described twice.
    """
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "tags": [],
        "paths": {},
        "components": {},
    }
    taken: set[str] = set()
    for service, document in documents.items():
        renamed = _renames(service, document, merged["components"])
        plain = _rewrite(document, renamed)
        merged["tags"].append({"name": service, "description": document["info"].get("description", "")})
        for path, item in plain["paths"].items():
            if path in merged["paths"]:
                raise DescriptionClash(f"{path} of {service}")
            merged["paths"][path] = _own(service, item, taken)
        for group, members in plain.get("components", {}).items():
            target = merged["components"].setdefault(group, {})
            target.update(
                {
                    renamed.get(_REF.format(group, name), name).rpartition("/")[2]: body
                    for name, body in members.items()
                }
            )
    return merged


def _renames(service: str, document: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
    """Return references of this service to rename; whatever refers to a renamed one differs by that too."""
    components = document.get("components", {})
    renamed: dict[str, str] = {}
    while True:
        fresh = {
            _REF.format(group, name): _REF.format(group, f"{service.capitalize()}{name}")
            for group, members in components.items()
            for name, body in members.items()
            if name in known.get(group, {}) and known[group][name] != _rewrite(body, renamed)
        }
        if fresh == renamed:
            return renamed
        renamed = fresh


def _rewrite(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: renamed.get(item, item)
            if key == "$ref" and isinstance(item, str)
            else _rewrite(item, renamed)
            for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rewrite(item, renamed) for item in value]
    return value


def _own(service: str, item: Mapping[str, Any], taken: set[str]) -> dict[str, Any]:
    """Return a path item under the service's tag, with operation ids nobody else has."""
    own = dict(item)
    for method in _METHODS & own.keys():
        operation = {**own[method], "tags": [service]}
        name = operation.get("operationId", "")
        operation["operationId"] = f"{service}_{name}" if name in taken else name
        taken.add(operation["operationId"])
        own[method] = operation
    return own
