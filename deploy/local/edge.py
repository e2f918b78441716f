"""The edge: nginx's configuration from the committed routing table. Usable from tests.

What the edge answers itself is a problem document in Chinese and English like every other error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TEMPLATE = HERE / "nginx.conf.template"
ROUTES = HERE / "routes.json"
FIXED = (
    ("^~ /oauth/", "registry"),
    ("^~ /exchange/", "gateway"),
    ("= /docs", "gateway"),
    ("^~ /docs/", "gateway"),
    ("= /openapi.json", "gateway"),
    ("= /healthz", "gateway/platform-health"),
)
"""Paths beside `/v1/<collection>`; `/internal`, `/metrics` and `/readyz` are nowhere and so 404."""

LARGE: Mapping[str, str] = {
    "terminal-batches": "4m",
    "area-imports": "8m",
    "documents": "11m",
    "imports": "33m",
    "enterprise-applications/[^/]+/documents": "11m",
}
"""Paths below /v1 whose bodies may be larger than the usual megabyte; the service has the same limits."""

STREAMS: tuple[str, ...] = ("position-stream",)
"""Collections below /v1 that answer without end (server-sent events): each event goes on as it comes.

The service says something every 15 s, so the usual time to wait for an answer holds for them too; a client
that takes nothing is left after `send_timeout`.
"""

PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    400: ("bad-request", "请求无法解析", "Bad request"),
    403: ("forbidden", "无此权限", "Not permitted"),
    404: ("not-found", "未找到", "Not found"),
    405: ("method-not-allowed", "不支持的请求方法", "Method not allowed"),
    408: ("request-timeout", "请求接收超时", "Request timeout"),
    411: ("length-required", "缺少请求体长度", "Length required"),
    413: ("payload-too-large", "请求体过大", "Payload too large"),
    414: ("uri-too-long", "请求地址过长", "URI too long"),
    429: ("too-many-requests", "请求过于频繁", "Too many requests"),
    431: ("headers-too-large", "请求头过大", "Request header fields too large"),
    500: ("internal-error", "服务器内部错误", "Internal server error"),
    501: ("not-implemented", "不支持的请求方法", "Not implemented"),
    502: ("bad-gateway", "服务暂不可用", "Service is restarting"),
    503: ("unavailable", "服务暂不可用", "Service unavailable"),
    504: ("gateway-timeout", "服务响应超时", "Service did not answer in time"),
}
RETRY = {429, 502, 503, 504}


@dataclass(frozen=True)
class EdgeSettings:
    """Figures of one edge."""

    listen: str
    """`address:port` of the one public address."""
    upstreams: Mapping[str, str]
    """Service name → `address:port`."""
    access_log: str = "/dev/stdout"
    workers: str = "auto"
    connections: int = 8192
    files: int = 32768
    peer_connections: int = 256
    """Requests in progress from one address."""
    peer_rate: int = 3000
    peer_burst: int = 3000
    guarded_rate: int = 20
    """Sign-ins, tokens and public applications a second from one address."""
    guarded_burst: int = 200


def load_routes(path: Path = ROUTES) -> dict[str, str]:
    """Collection → service, as `make routes` wrote it."""
    table: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["collections"]
    return table


def render(directory: Path, settings: EdgeSettings, routes: Mapping[str, str]) -> str:
    """The text of nginx.conf for an edge that lives in `directory`."""
    values = {
        "directory": str(directory),
        "listen": settings.listen,
        "access_log": settings.access_log,
        "workers": settings.workers,
        "connections": str(settings.connections),
        "files": str(settings.files),
        "peer_connections": str(settings.peer_connections),
        "peer_rate": str(settings.peer_rate),
        "peer_burst": str(settings.peer_burst),
        "guarded_rate": str(settings.guarded_rate),
        "guarded_burst": str(settings.guarded_burst),
        "upstreams": "\n".join(
            _upstream(name, address) for name, address in sorted(settings.upstreams.items())
        ),
        "routes": "\n".join(_locations(routes, settings.upstreams)),
        "problems": "\n".join(_problem(status) for status in PROBLEMS),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@@{name}@@", value)
    return text


def configure(directory: Path, settings: EdgeSettings, routes: Mapping[str, str]) -> Path:
    """Writes nginx.conf and the directories it needs; the path of the configuration."""
    (directory / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    config = directory / "nginx.conf"
    config.write_text(render(directory, settings, routes), encoding="utf-8")
    return config


def _upstream(name: str, address: str) -> str:
    return f"  upstream {name} {{ server {address} max_fails=0; keepalive 64; keepalive_timeout 60s; }}"


def _locations(routes: Mapping[str, str], upstreams: Mapping[str, str]) -> list[str]:
    lines = [
        f"    location {match} {{ proxy_pass http://{target}; }}"
        for match, target in FIXED
        if target.partition("/")[0] in upstreams
    ]
    for path, limit in LARGE.items():
        service = routes.get(path.partition("/")[0])
        if service in upstreams:
            lines.append(
                f'    location ~ "^/v1/{path}(?:/|$)" {{ client_max_body_size {limit};'
                f" proxy_pass http://{service}; }}"
            )
    lines += [
        f"    location = /v1/{name} {{ proxy_buffering off; gzip off; proxy_pass http://{routes[name]}; }}"
        for name in STREAMS
        if routes.get(name) in upstreams
    ]
    for service in sorted(set(routes.values()) & set(upstreams)):
        collections = "|".join(sorted(name for name, owner in routes.items() if owner == service))
        lines.append(f"    location ~ ^/v1/(?:{collections})(?:/|$) {{ proxy_pass http://{service}; }}")
    return lines


def _problem(status: int) -> str:
    slug, chinese, english = PROBLEMS[status]
    body = json.dumps(
        {
            "type": f"urn:cityfreight:problem:{slug}",
            "title": f"{chinese} / {english}",
            "status": status,
            "detail": f"{chinese} / {english}",
            "instance": "$instance",
            "request_id": "$rid",
            "errors": [],
        },
        ensure_ascii=False,
    )
    retry = ' add_header Retry-After "1" always;' if status in RETRY else ""
    return (
        f"    location = /__problem/{status} {{ internal; default_type application/problem+json; charset off;"
        f" add_header X-Request-ID $rid always; add_header X-Content-Type-Options nosniff always;{retry}"
        f" return {status} '{body}'; }}"
    )
