"""`make doctor`: probes the machine and the running platform from outside; each line says how it is."""

import json
import os
import shutil
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from deploy.local import identity, installation, packages, places, ports, processes
from deploy.local.cluster import binaries
from deploy.local.installation import HOST, Installation
from deploy.local.progress import DeployError, fail, say

LEAST_FREE_BYTES = 2 * 1024**3
MOST_SKEW_SECONDS = 2.0
SHORTEST_SECRET = 16
KEY_ID = "current"
"""Names a key of a ring; no secret."""
SAMPLES = ("changeme", "change-me", "password", "secret", "example", "postgres", "admin", "test")
SAMPLE_CREDENTIALS = (("admin", "admin"), ("admin", "password"), ("admin", "changeme"))
CONNECT_ANONYMOUS = bytes.fromhex("101100044d5154540502003c000004646f6374")
"""MQTT 5 CONNECT, clean start, keep-alive 60 s, client id `doct`, no user name."""
HEARTBEAT = bytes.fromhex("7e000200000139000000010002397e")
"""JT/T 808 heartbeat of a phone nobody has."""
GENERAL_ANSWER = b"\x80\x01"


@dataclass(frozen=True)
class Finding:
    """One probe's outcome."""

    what: str
    good: bool
    detail: str = ""


def main() -> int:
    """Prints the findings; 0 when all are good."""
    try:
        current = installation.load()
    except DeployError as error:
        return fail(error)
    findings = list(examine(current))
    for finding in findings:
        detail = f": {finding.detail}" if finding.detail else ""
        say(f"{'ok ' if finding.good else 'BAD'} {finding.what}{detail}")
    bad = [finding for finding in findings if not finding.good]
    say(f"\n{len(findings) - len(bad)} good, {len(bad)} bad")
    return 1 if bad else 0


def examine(current: Installation) -> Iterator[Finding]:
    """Every probe that makes sense now: those of the running platform only while it runs."""
    yield from _machine(current)
    yield from _permissions(current.place)
    yield from _sample_secrets(current.place)
    if current.supervision.pid() is None:
        yield from _ports_free(current)
        return
    yield from _processes(current)
    yield from _edge(current)
    yield anonymous_refused(HOST, current.port(processes.BROKER))
    yield stranger_refused(HOST, current.port(processes.JT808))


def _machine(current: Installation) -> Iterator[Finding]:
    versions = packages.postgresql_versions()
    yield Finding(
        "PostgreSQL from 15 with PostGIS", bool(versions), f"{versions} {binaries()}" if versions else ""
    )
    for program in ("mosquitto", "nginx"):
        found = packages.find_program(program)
        yield Finding(program, found is not None, found or "not installed")
    yield Finding("Python from 3.11", sys.version_info >= (3, 11), sys.version.split()[0])
    yield Finding("runs unprivileged", os.geteuid() != 0, f"as {current.place.account.name}")
    free = shutil.disk_usage(current.place.run).free
    yield Finding("disk", free > LEAST_FREE_BYTES, f"{free / 1024**3:.1f} GiB free at {current.place.run}")
    year = datetime.now(UTC).year
    yield Finding("clock is set", year >= 2025, datetime.now(UTC).isoformat(timespec="seconds"))  # noqa: PLR2004 - before the programme's end


def _permissions(place: places.Places) -> Iterator[Finding]:
    if not place.secrets.exists():
        return
    open_files = [str(path) for path in place.secrets.rglob("*") if path.stat().st_mode & 0o077]
    yield Finding("secrets are their owner's alone", not open_files, ", ".join(open_files[:3]))
    foreign = [str(path) for path in place.secrets.rglob("*") if path.stat().st_uid != os.geteuid()]
    yield Finding("secrets belong to the account", not foreign, ", ".join(foreign[:3]))


def _sample_secrets(place: places.Places) -> Iterator[Finding]:
    masters = place.secrets / "deployment" / "masters.json"
    if masters.exists():
        weak = weak_secrets(json.loads(masters.read_text(encoding="utf-8")))
        yield Finding("no sample or short secret", not weak, ", ".join(weak))


def weak_secrets(masters: dict[str, object], path: str = "") -> list[str]:
    """Names of the values that are samples or too short to be generated ones."""
    found = []
    for name, value in masters.items():
        if isinstance(value, dict):
            found += [] if "kty" in value else weak_secrets(value, f"{path}{name}.")
        elif isinstance(value, str) and name != KEY_ID and _is_weak(value):
            found.append(f"{path}{name}")
    return found


def _is_weak(value: str) -> bool:
    return len(value) < SHORTEST_SECRET or value.lower() in SAMPLES


def _ports_free(current: Installation) -> Iterator[Finding]:
    wanted = {current.port(port) for item in processes.selected(demo=current.demo) for port in item.ports}
    taken = ports.holders(wanted)
    yield Finding("ports are free", not taken, "; ".join(map(str, taken)) or f"from {current.port_base}")


def _processes(current: Installation) -> Iterator[Finding]:
    for process in processes.selected(demo=current.demo):
        why = installation.health(current, process)
        yield Finding(f"{process.name} is healthy", why is None, why or "")
    for process in processes.selected(demo=current.demo):
        known = identity.recorded(current.place.pids, process.name)
        uid = Path(f"/proc/{known.pid}").stat().st_uid if known and identity.identify(known.pid) else None
        if uid == 0:
            yield Finding(f"{process.name} is unprivileged", good=False, detail="runs as root")


def _edge(current: Installation) -> Iterator[Finding]:
    for path in ("/internal/v1/changes", "/metrics", "/readyz"):
        status, _ = _ask(current.address + path)
        yield Finding(f"the edge does not route {path}", status == 404, str(status))  # noqa: PLR2004 - not found
    for username, password in SAMPLE_CREDENTIALS:
        body = json.dumps({"username": username, "password": password}).encode()
        status, _ = _ask(f"{current.address}/v1/staff-sessions", body)
        yield Finding(f"sample credential {username}/{password} refused", status in {401, 429}, str(status))
    _, headers = _ask(f"{current.address}/healthz")
    told = headers.get("Date")
    skew = abs((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()) if told else 0.0
    yield Finding("edge's clock agrees", skew <= MOST_SKEW_SECONDS, f"{skew:.1f} s")


def _ask(url: str, body: bytes | None = None) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)
    except OSError:
        return 0, {}


def anonymous_refused(host: str, port: int) -> Finding:
    """Connects to the broker without a user name; it must say no (CONNACK with a reason code from 0x80)."""
    what = "the broker refuses anonymous clients"
    try:
        with socket.create_connection((host, port), 5) as connection:
            connection.sendall(CONNECT_ANONYMOUS)
            answer = connection.recv(64)
    except OSError as error:
        return Finding(what, good=False, detail=str(error))
    refused = len(answer) >= 4 and answer[0] == 0x20 and answer[3] >= 0x80  # noqa: PLR2004 - MQTT 5, 3.2
    return Finding(what, refused or not answer, f"answer {answer.hex() or 'connection closed'}")


def stranger_refused(host: str, port: int) -> Finding:
    """Sends a JT/T 808 heartbeat without having shown a code; the general answer must be a failure."""
    what = "the JT/T 808 listener refuses strangers"
    try:
        with socket.create_connection((host, port), 5) as connection:
            connection.sendall(HEARTBEAT)
            answer = connection.recv(64)
    except OSError as error:
        return Finding(what, good=False, detail=str(error))
    return Finding(what, answer[1:3] == GENERAL_ANSWER and answer[-3:-2] == b"\x01", f"answer {answer.hex()}")


if __name__ == "__main__":
    sys.exit(main())
