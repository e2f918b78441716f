"""What of a state leaves: exactly the listed paths."""

from collections.abc import Iterable, Mapping
from typing import Any

Tree = dict[str, "Tree"]


def field_tree(paths: Iterable[str]) -> Tree:
    """Return dotted paths as a tree; a leaf is an empty one."""
    root: Tree = {}
    for path in paths:
        node = root
        for part in path.split("."):
            node = node.setdefault(part, {})
    return root


def project(state: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    """Return only the fields a tree names; lists are gone through, an object at a leaf gives nothing.

    A named field the state has not is left out.
    """
    return {name: _pick(state[name], sub) for name, sub in tree.items() if name in state}


def _pick(value: Any, sub: Tree) -> Any:
    if isinstance(value, list):
        return [_pick(item, sub) for item in value]
    if isinstance(value, Mapping):
        return project(value, sub)
    return None if sub else value
