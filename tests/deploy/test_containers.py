"""Containers without an engine: the files against their schemas and against the process table.

What only an engine could show (images build, containers talk) is not claimed here; README says so.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_pydantic import ComposeSpecification

from deploy.local.processes import PROCESSES, Process
from tests.support import kustomize

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
OF_PYTHON = [process for process in PROCESSES if process.service is not None and not process.demo_only]
MANIFESTS = sorted(
    path
    for path in (K8S / "base").rglob("*.yaml")
    if path.name not in {"kustomization.yaml", "database.yaml"}
)
OVERLAYS = ("city", "province")


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return {key: value for key, value in document.items() if not key.startswith("x-")}


def _documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def _workloads() -> dict[str, dict[str, Any]]:
    kinds = {"Deployment", "StatefulSet", "Job"}
    found = (item for path in MANIFESTS for item in _documents(path) if item["kind"] in kinds)
    return {item["metadata"]["name"]: item for item in found}


def _containers(workload: dict[str, Any]) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = workload["spec"]["template"]["spec"]["containers"]
    return containers


def _program(command: list[str]) -> list[str]:
    """What a command runs, without the interpreter and without what differs by place (host, port, tuning)."""
    words = [word for word in command if word not in {"{python}", "python", "-m"}]
    return words[:3] if words[0] == "uvicorn" else words[:1]


def test_compose_file_is_valid() -> None:
    specification = ComposeSpecification(**_compose())
    assert specification.services is not None


def test_compose_starts_the_processes_of_make_up() -> None:
    services = _compose()["services"]
    for process in PROCESSES:
        assert process.demo_only or process.name in services, process.name


@pytest.mark.parametrize("process", OF_PYTHON, ids=lambda process: process.name)
def test_compose_runs_the_same_program(process: Process) -> None:
    service = _compose()["services"][process.name]
    assert _program(service["command"]) == _program(list(process.command))
    assert service["image"] == f"cityfreight/{process.service}"
    assert service["build"]["args"] == {"SERVICE": process.service}
    assert "healthcheck" in service
    assert service["read_only"] is True


@pytest.mark.parametrize("name", ["postgres", "broker", "edge"])
def test_compose_has_the_real_parts_with_health_checks(name: str) -> None:
    assert "test" in _compose()["services"][name]["healthcheck"]


@pytest.mark.parametrize("process", OF_PYTHON, ids=lambda process: process.name)
def test_kubernetes_runs_the_same_program(process: Process) -> None:
    containers = [item for workload in _workloads().values() for item in _containers(workload)]
    programs = [
        _program(item["args"]) for item in containers if item["image"] == f"cityfreight/{process.service}"
    ]
    assert _program(list(process.command)) in programs


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(K8S)))
def test_base_manifest_is_valid(path: Path) -> None:
    documents = _documents(path)
    assert documents, "an empty manifest is valid and starts nothing"
    for document in documents:
        kubernetes_validate.validate(document, "1.37", strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_rendered_overlay_is_valid(overlay: str) -> None:
    validated = 0
    for document in kustomize.render(K8S / "overlays" / overlay):
        if document["apiVersion"].startswith("postgresql.cnpg.io"):
            continue  # an operator's own kind has no schema in Kubernetes
        kubernetes_validate.validate(document, "1.37", strict=True)
        validated += 1
    assert validated > len(MANIFESTS)


def test_the_province_has_an_operators_database_and_four_ingest_members() -> None:
    found = {
        (item["kind"], item["metadata"]["name"]): item
        for item in kustomize.render(K8S / "overlays" / "province")
    }
    assert ("StatefulSet", "postgres") not in found
    assert found["Cluster", "postgres"]["spec"]["instances"] == 3
    service = found["Service", "postgres"]["spec"]
    assert service["type"] == "ExternalName"
    assert "selector" not in service
    ingest = found["StatefulSet", "telemetry-ingest"]
    (container,) = _containers(ingest)
    members = {item["name"]: item.get("value") for item in container["env"]}
    assert ingest["spec"]["replicas"] == 4
    assert members["TELEMETRY_INGEST_MEMBERS"] == "4"
    assert "TELEMETRY_INGEST_MEMBER" in members
    assert container["image"] == "cityfreight/telemetry:0.1.0"
    to_postgres = found["NetworkPolicy", "to-postgres"]["spec"]["egress"][0]["to"][0]
    assert to_postgres == {"podSelector": {"matchLabels": {"cnpg.io/cluster": "postgres"}}}
    assert found["NetworkPolicy", "postgres-in"]["spec"]["podSelector"] == to_postgres["podSelector"]


@pytest.mark.skipif(
    shutil.which("kubectl") is None,
    reason="kubectl is not installed: the rendering of tests/support/kustomize.py stands alone here",
)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubectl_renders_the_same(overlay: str) -> None:
    directory = K8S / "overlays" / overlay
    command = ["kubectl", "kustomize", str(directory)]
    rendered = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    without_hashes = re.sub(r"\b(edge-config|broker-config)-[a-z0-9]{10}\b", r"\1", rendered)
    theirs, ours = list(yaml.safe_load_all(without_hashes)), kustomize.render(directory)
    assert sorted(map(_name, theirs)) == sorted(map(_name, ours))
    for one, other in zip(sorted(theirs, key=_name), sorted(ours, key=_name), strict=True):
        assert _in_order(one) == _in_order(other), _name(one)


def _in_order(value: Any) -> Any:
    """The same with lists of named things (`env`, …) by name: their order says nothing."""
    if isinstance(value, dict):
        return {key: _in_order(each) for key, each in value.items()}
    if isinstance(value, list) and all(isinstance(each, dict) and "name" in each for each in value):
        return sorted(map(_in_order, value), key=lambda each: str(each["name"]))
    return [_in_order(each) for each in value] if isinstance(value, list) else value


def _name(document: dict[str, Any]) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]


@pytest.mark.parametrize("name", sorted(_workloads()))
def test_every_pod_is_bounded_probed_and_unprivileged(name: str) -> None:
    workload = _workloads()[name]
    pod = workload["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert set(container["resources"]) == {"requests", "limits"}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        if workload["kind"] != "Job":
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)


def test_network_policies_deny_by_default() -> None:
    policies = {
        item["metadata"]["name"]: item["spec"] for item in _documents(K8S / "base" / "network-policies.yaml")
    }
    denied = policies["default-deny"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []}
