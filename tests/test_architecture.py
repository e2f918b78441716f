"""The rules of the tree that a reader cannot check by eye (conventions, rule 14)."""

import ast
import gc
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from deploy.local import edge, routes
from deploy.local.processes import SERVICES, package
from services.shared import sessions
from services.shared.auth import Guard
from services.shared.routes import SECRET_FIELDS, KernelRoute

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("services", "gateway", "deploy", "migrations", "bench", "tests")

PROCESS_ROUTES = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics")}
"""On every process, for its supervisor; never routed by the edge."""

PUBLIC = {
    ("registry", "POST", "/oauth/token"): "the client's secret is in the request",
    ("registry", "GET", "/oauth/jwks"): "public keys",
    ("registry", "POST", "/v1/staff-sessions"): "the password is in the request; rate-limited",
    ("registry", "POST", "/v1/enterprise-applications"): "who applies is not known yet; rate-limited",
    ("registry", "GET", "/v1/enterprise-applications/{application_id}"): "by the applicant's reference code",
    (
        "registry",
        "POST",
        "/v1/enterprise-applications/{application_id}/credentials",
    ): "by the reference code, once",
    (
        "registry",
        "POST",
        "/v1/enterprise-applications/{application_id}/documents",
    ): "by the reference code, while the application is open; rate-limited",
    ("registry", "POST", "/v1/identifier-checks"): "forms need it before anybody is known; rate-limited",
    ("registry", "GET", "/v1/code-lists"): "what codes mean is public; rate-limited",
    ("registry", "GET", "/v1/code-lists/{name}"): "the same",
    ("telemetry", "POST", "/v1/positions"): "a firm's token, or a terminal's own number and password",
    ("registry", "POST", "/v1/complaints"): "anybody may complain; rate-limited",
    ("registry", "GET", "/v1/complaints/{complaint_id}/progress"): "by the complainant's reference code",
    (
        "registry",
        "POST",
        "/v1/complaints/{complaint_id}/contact-erasure",
    ): "by the reference code: his own name and number",
    ("gateway", "GET", "/exchange/v1/datasets"): "without a token the public's view, by field list",
    ("gateway", "GET", "/exchange/v1/keys"): "public keys",
    ("gateway", "GET", "/exchange/v1/{dataset}/changes"): "as the datasets",
    ("gateway", "GET", "/exchange/v1/{dataset}/snapshot"): "as the datasets",
    ("gateway", "GET", "/exchange/v1/{dataset}/manifest"): "as the datasets",
    ("gateway", "GET", "/openapi.json"): "the merged description",
    ("gateway", "GET", "/docs"): "the page that reads it",
    ("gateway", "GET", "/docs/assets/{name}"): "its files",
    ("gateway", "GET", "/platform-health"): "no internals",
}
"""Routes without a guard, each with its reason."""

NO_PAGE = {
    ("registry", "/v1/areas"): "GeoJSON",
    ("registry", "/v1/exports"): "a file of all rows",
    ("registry", "/v1/facilities"): "GeoJSON",
    ("registry", "/v1/facility-counts"): "one row a kind, always all of them",
    ("telemetry", "/v1/latest-positions"): "GeoJSON",
    ("telemetry", "/v1/tracks"): "GeoJSON of one vehicle",
    ("telemetry", "/v1/nearby-vehicles"): "GeoJSON, the nearest alone",
    ("telemetry", "/v1/position-stream"): "events without end",
    ("telemetry", "/v1/track-aggregates"): "GeoJSON of one vehicle",
    ("matching", "/v1/candidates"): "the whole ranking of one load",
}
"""Collections whose answer is no page of items."""

Route = tuple[str, str, str, APIRoute]


@cache
def apps() -> dict[str, FastAPI]:
    return dict(routes.service_apps())


@cache
def all_routes() -> tuple[Route, ...]:
    """Service, method, path and effective route of everything that is served."""
    found: list[Route] = []
    for service, app in apps().items():
        for context in iter_route_contexts(app.routes):
            route = effective(context)
            methods = sorted(context.methods or ())
            found.extend((service, method, str(context.path), route) for method in methods)
    return tuple(found)


def effective(context: RouteContext) -> APIRoute:
    route = context.route
    assert isinstance(route, APIRoute), f"{context.path} is no API route"
    return route


def dependencies(dependant: Any) -> Iterator[Any]:
    """Every callable a route depends on, in the order they are resolved."""
    for each in dependant.dependencies:
        yield from dependencies(each)
        yield each.call


def calls(route: APIRoute) -> list[Any]:
    return list(dependencies(route.dependant))


def test_every_service_has_an_app() -> None:
    assert set(apps()) == set(SERVICES)


def test_no_app_is_looked_through_by_the_garbage_collector() -> None:
    """A full collection of an app's objects is a quarter of a second in which nobody is answered."""
    for service, app in routes.service_apps():
        assert not any(each is app for each in gc.get_objects()), f"{service}: `lasting`"


def test_every_route_has_a_guard_or_is_on_the_public_list() -> None:
    bare = {
        (service, method, path)
        for service, method, path, route in all_routes()
        if (method, path) not in PROCESS_ROUTES and not any(isinstance(call, Guard) for call in calls(route))
    }
    assert bare - set(PUBLIC) == set(), "neither guarded nor public"
    assert set(PUBLIC) - bare == set(), "on the public list and guarded, or gone"


def test_no_request_takes_a_thread() -> None:
    """FastAPI runs what is not async in a pool of threads: a dependency that only reshapes costs a switch."""

    def waits(call: Any) -> bool:
        real = call if inspect.isroutine(call) or inspect.isclass(call) else type(call).__call__
        return not (inspect.iscoroutinefunction(real) or inspect.isasyncgenfunction(real))

    found = {
        f"{call.__module__}.{getattr(call, '__qualname__', type(call).__qualname__)}"
        for _, _, _, route in all_routes()
        for call in (*calls(route), route.endpoint)
        if waits(call)
    }
    assert found == set()


def test_internal_routes_are_for_services_only() -> None:
    for service, method, path, route in all_routes():
        if path.startswith("/internal/"):
            roles = [call.roles for call in calls(route) if isinstance(call, Guard)]
            assert roles == [frozenset({"service"})], (service, method, path)
            assert not route.include_in_schema, (service, method, path)


def test_writes_are_idempotent_and_know_who_writes() -> None:
    for service, method, path, route in all_routes():
        found = calls(route)
        writes = sessions._write_session in found
        if method == "GET":
            assert not writes, (service, path)
        if not writes:
            continue
        assert isinstance(route, KernelRoute), (service, method, path)
        guards = [index for index, call in enumerate(found) if isinstance(call, Guard)]
        late = [index for index in guards if index > found.index(sessions._write_session)]
        assert not late, f"{service} {path}: the session is opened before the guard has spoken"


def test_collections_belong_to_one_service_and_the_edge_knows_them() -> None:
    assert routes.collections(apps()) == edge.load_routes(), "run `make routes`"


def test_lists_are_pages() -> None:
    for service, app in apps().items():
        document = app.openapi()
        for path, item in document["paths"].items():
            if "get" not in item or not re.fullmatch(r"/v1/[a-z-]+", path) or (service, path) in NO_PAGE:
                continue
            content = item["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            name = content.get("$ref", "").rpartition("/")[2]
            members = document["components"]["schemas"].get(name, {}).get("properties", {})
            assert {"items", "next_cursor"} <= set(members), (service, path)


def answers(document: dict[str, Any], part: Any, seen: set[str]) -> Iterator[dict[str, Any]]:
    """Every object schema an answer is made of."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict):
        if "properties" in part:
            yield part
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name and name not in seen:
            yield from answers(document, document["components"]["schemas"][name], seen | {name})
    for each in inner:
        yield from answers(document, each, seen)


def test_a_secret_is_not_required_of_an_answer() -> None:
    """A replay comes without it, and is an answer of the same schema."""
    for service, app in apps().items():
        document = app.openapi()
        for path, item in document["paths"].items():
            for operation in item.values():
                for secret in operation.get(SECRET_FIELDS, ()):
                    found = [
                        secret in schema.get("required", ())
                        for schema in answers(document, operation["responses"], set())
                        if secret in schema["properties"]
                    ]
                    assert found, (service, path, secret)
                    assert not any(found), (service, path, secret)


def test_operation_ids_are_unique_in_a_service() -> None:
    for service, app in apps().items():
        found = [
            operation["operationId"]
            for item in app.openapi()["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation
        ]
        assert len(found) == len(set(found)), service


def test_the_problem_is_the_same_everywhere() -> None:
    found = {json.dumps(app.openapi()["components"]["schemas"]["Problem"]) for app in apps().values()}
    assert len(found) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_the_build_needs_the_newest_migration(service: str) -> None:
    script = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini"), ini_section=service))
    models = importlib.import_module(f"{package(service)}.models")
    assert script.get_heads() == [models.SCHEMA_REVISION]


def sources(*roots: str) -> list[Path]:
    return sorted(path for root in roots for path in (ROOT / root).rglob("*.py"))


def trees(*roots: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sources(*roots):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def test_files_stay_below_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources(*SOURCES)
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert not long


Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines(node: ast.AST) -> set[int]:
    return set(range(getattr(node, "lineno", 0), (getattr(node, "end_lineno", 0) or 0) + 1))


def length(function: Function) -> int:
    """Lines of code of the body: without docstring, inner functions, and text (SQL) alone on its lines."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    found = {number for statement in body for number in lines(statement)}
    parts: dict[int, list[ast.AST]] = {}
    for node in (node for statement in body for node in ast.walk(statement)):
        if isinstance(node, Function):
            found -= lines(node)
        elif isinstance(node, ast.Constant | ast.JoinedStr | ast.FormattedValue):
            continue
        elif isinstance(node, ast.expr | ast.stmt | ast.keyword | ast.ExceptHandler):
            for number in {node.lineno, node.end_lineno or node.lineno}:
                parts.setdefault(number, []).append(node)
    return len({number for number in found if number in parts})


def test_functions_stay_within_30_lines() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": length(node)
        for path, tree in trees("services", "gateway", "deploy", "bench")
        for node in ast.walk(tree)
        if isinstance(node, Function) and length(node) > 30
    }
    assert not long, long


FORBIDDEN_NAMES = {"utils", "helpers", "common", "managers", "repositories", "util", "helper", "misc"}


def test_no_module_is_named_for_nothing() -> None:
    named = [path for path in sources(*SOURCES) if {path.stem, path.parent.name} & FORBIDDEN_NAMES]
    assert not named


CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}


def test_domain_rules_have_no_clock() -> None:
    for path, tree in trees("services", "gateway"):
        if "/domain/" not in path and not path.startswith(
            ("services/shared/rules", "services/shared/standards")
        ):
            continue
        read = {
            (node.value.id, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not read & CLOCKS, path


def test_nothing_blocks_an_event_loop_by_sleeping() -> None:
    sleeping = [
        f"{path}:{node.lineno}"
        for path, tree in trees("services", "gateway")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
    ]
    assert not sleeping


def test_routes_hold_no_sql_and_no_try() -> None:
    """Rule 4: parse, one call, return."""
    for service in SERVICES:
        folder = "gateway/api" if service == "gateway" else f"services/{service}/api"
        for path, tree in trees(folder):
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy":
                    pytest.fail(f"{path}:{node.lineno} imports from sqlalchemy")
                if isinstance(node, Function) and any(
                    "router." in ast.unparse(d) for d in node.decorator_list
                ):
                    assert not any(isinstance(each, ast.Try) for each in ast.walk(node)), (
                        f"{path} {node.name}"
                    )


def test_imports_go_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# The words themselves are what is looked for, everywhere but here.
MARKS = (re.compile(r"\b(TODO|FIXME|XXX)\b"), re.compile(r"# type: ignore(?!\[)"))


def test_nothing_is_left_for_later_and_nothing_is_ignored_wholesale() -> None:
    for path in sources(*SOURCES):
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not any(mark.search(line) for mark in MARKS), f"{path.relative_to(ROOT)}:{number}"
