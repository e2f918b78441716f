"""Renders the overlays without kubectl: exactly those features of kustomize that `deploy/k8s` uses.

Resources, namespace, image tags, generated ConfigMaps (without the hash in their names), strategic-merge
patches (maps merged, null deletes, lists of named things merged by name, `$patch: delete`) and JSON 6902
`replace`. Anything else in a kustomization is refused, so that nothing is silently left out.
"""

import copy
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
KNOWN = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "images",
    "configMapGenerator",
    "patches",
}
MERGED_BY_NAME = ("containers", "initContainers", "env", "volumes", "ports")
CLUSTER_WIDE = ("Namespace",)


def render(directory: Path) -> list[Json]:
    """Return the documents of a kustomization.

    Raises:
        AssertionError: It uses what is not known here, or a patch finds no target.
    """
    given: Json = yaml.safe_load((directory / "kustomization.yaml").read_text("utf-8"))
    assert set(given) <= KNOWN, f"{directory}: {set(given) - KNOWN} is not rendered here"
    documents: list[Json] = []
    for name in given.get("resources", []):
        path = directory / name
        found = render(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text("utf-8")))
        documents += [copy.deepcopy(each) for each in found]
    documents += [_config_map(directory, each) for each in given.get("configMapGenerator", [])]
    for patch in given.get("patches", []):
        documents = _patched(documents, patch)
    tags = {image["name"]: image["newTag"] for image in given.get("images", [])}
    for document in documents:
        if "namespace" in given and document["kind"] not in CLUSTER_WIDE:
            document["metadata"]["namespace"] = given["namespace"]
        _tag(document, tags)
    return documents


def _config_map(directory: Path, given: Json) -> Json:
    assert set(given) == {"name", "files"}
    data = {name: (directory / name).read_text("utf-8") for name in given["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": given["name"]}, "data": data}


def _tag(value: Any, tags: dict[str, str]) -> None:
    if isinstance(value, dict):
        if value.get("image") in tags:
            value["image"] = f"{value['image']}:{tags[value['image']]}"
        for each in value.values():
            _tag(each, tags)
    elif isinstance(value, list):
        for each in value:
            _tag(each, tags)


def _patched(documents: list[Json], given: Json) -> list[Json]:
    patch = yaml.safe_load(given["patch"])
    wanted = given.get("target") or {"kind": patch["kind"], "name": patch["metadata"]["name"]}
    assert set(wanted) == {"kind", "name"}
    matches = [each for each in documents if _is(each, wanted)]
    assert len(matches) == 1, f"{wanted} is there {len(matches)} times"
    if isinstance(patch, list):
        for operation in patch:
            _replace(matches[0], operation)
        return documents
    if patch.get("$patch") == "delete":
        return [each for each in documents if each is not matches[0]]
    changed = _merged(matches[0], patch)
    return [changed if each is matches[0] else each for each in documents]


def _is(document: Json, wanted: Json) -> bool:
    return bool(document["kind"] == wanted["kind"] and document["metadata"]["name"] == wanted["name"])


def _replace(document: Any, operation: Json) -> None:
    assert operation["op"] == "replace"
    *way, last = operation["path"].removeprefix("/").split("/")
    for step in way:
        document = document[int(step) if isinstance(document, list) else step]
    key = int(last) if isinstance(document, list) else last
    assert isinstance(key, int) or key in document, f"{operation['path']} is not there (RFC 6902, 4.3)"
    document[key] = operation["value"]


def _merged(base: Any, patch: Any, key: str = "") -> Any:
    if isinstance(base, dict) and isinstance(patch, dict):
        found = {name: value for name, value in base.items() if name not in patch}
        for name, value in patch.items():
            if value is not None:
                found[name] = _merged(base.get(name), value, name)
        return found
    if isinstance(base, list) and isinstance(patch, list) and key in MERGED_BY_NAME:
        patches = {each["name"]: each for each in patch}
        kept = [
            _merged(each, patches.pop(each["name"])) if each["name"] in patches else each for each in base
        ]
        return kept + list(patches.values())
    return patch
