"""How long a map's positions and a day's track take over HTTP, beside the same query by psql.

`make bench NAME=reading`, or `python -m bench.reading [rounds]`. Its short form is
`tests/faults/test_reading_load.py`. A private cluster (with fsync) holds 20,000 terminals, 5,000 of them in
one box and of one firm, the others in another box of 199 firms, and a million positions of a day, 10,000 of
them one vehicle's. The API runs in a process of its own. Both are asked in alternation, one question at a
time; an answer counts when its last byte has come. psql is one session of the same database role with the
same settings, so the same row-level security holds. Compared are the 95th percentiles.
"""

import asyncio
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from deploy.local.cluster import PROJECT, ROLES, Cluster, binaries, migrate
from services.shared.auth import Principal, Role
from services.shared.clock import utc_now
from services.shared.geo import Bbox
from services.shared.schemas import format_instant
from services.telemetry.domain.states import read_rules
from services.telemetry.queries.latest import LatestFilter, latest_statement
from services.telemetry.queries.tracks import TrackFilter, track_statement
from tests.factories import telemetry as factories
from tests.support.ports import unused_port, wait_for_listener
from tests.support.scratch import scratch_directory

ROUNDS = 150
TERMINALS, IN_BOX, FIXES, OTHERS = 20_000, 5_000, 10_000, 990_000
BOX, OTHER_BOX = Bbox(122.0, 41.0, 122.5, 41.5), Bbox(120.0, 41.0, 120.5, 41.5)
CASE = "bench: how long it takes"
LIMIT_IS = "the same query by psql, one session of the same role (95th percentile)"


@dataclass(frozen=True)
class Question:
    """One thing asked both ways."""

    name: str
    path: str
    headers: dict[str, str]
    scope: Principal
    statement: tuple[TextClause, dict[str, Any]]


async def fill(urls: dict[str, str], firms: list[UUID], day: datetime, others: int) -> UUID:
    """Put terminals, latest positions and a day's positions into the tables; the vehicle of the track."""
    connection = await asyncpg.connect(urls["superuser"])
    vehicle = uuid4()
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(
        "INSERT INTO telemetry.terminals (id, terminal_key, terminal_number, enterprise_id, secret_verifier,"
        " created_at, status) SELECT gen_random_uuid(), n, 'BENCH-' || n,"
        " CASE WHEN n <= $2 THEN ($1::uuid[])[1] ELSE ($1::uuid[])[2 + n % 199] END, '', now(), 'active'"
        " FROM generate_series(1, $3::int) n",
        firms, IN_BOX, TERMINALS,
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO telemetry.terminal_bindings (id, terminal_id, terminal_key, vehicle_id, enterprise_id,"
        " valid_from) SELECT gen_random_uuid(), id, terminal_key, CASE terminal_key WHEN 1 THEN $1::uuid"
        " ELSE gen_random_uuid() END, enterprise_id, '2020-01-01Z' FROM telemetry.terminals",
        vehicle,
    )
    await connection.execute(
        "INSERT INTO telemetry.vehicles SELECT vehicle_id, enterprise_id, '辽L' || lpad(terminal_key::text,"
        " 5, '0'), 94, '2020-01-01Z', NULL, false, 1 FROM telemetry.terminal_bindings"
    )
    await connection.execute(
        "INSERT INTO telemetry.latest_positions (terminal_key, time, content_hash, lon, lat, cell, speed_kmh,"
        " heading_deg, received_at, revision) SELECT n, now(), n,"
        " CASE WHEN n <= $1::int THEN 122 ELSE 120 END + random() / 2, 41 + random() / 2, 1, random() * 60,"
        " 90, now(), n FROM generate_series(1, $2::int) n",
        IN_BOX, TERMINALS,
    )  # fmt: skip
    await connection.execute("SELECT telemetry.make_position_partitions($1, $1)", day.date())
    await connection.execute(
        "INSERT INTO telemetry.positions (terminal_key, time, content_hash, lon, lat, cell, speed_kmh,"
        " heading_deg, received_at) SELECT CASE WHEN n < $2::int THEN 1 ELSE 2 + n % 200 END,"
        " $1::timestamptz + n % $2 * interval '8.6 seconds', n, 122 + 0.1 * sin(n % $2 / 300.0) + random()"
        " * 1e-5, 41 + 0.1 * cos(n % $2 / 170.0) + random() * 1e-5, 1, 36, 90, now()"
        " FROM generate_series(0, $2 + $3::int - 1) n ON CONFLICT DO NOTHING",
        day, FIXES, others,
    )  # fmt: skip
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return vehicle


def questions(firm: UUID, vehicle: UUID, day: datetime) -> list[Question]:
    """What is asked: a box by its firm and by an office, one of many firms, a track whole and thinned."""
    rules = read_rules((PROJECT / "city/panjin/profile.toml").read_text(encoding="utf-8"))
    own, office = Principal("bench", Role.enterprise, firm), Principal("bench", Role.transport_bureau)
    window = day, day + timedelta(days=1)
    asked = f"vehicle_id={vehicle}&from={format_instant(window[0])}&to={format_instant(window[1])}"
    mine, office_token = factories.headers(enterprise_id=firm), factories.headers(Role.transport_bureau)
    found = []
    stated = f"&purpose={CASE.replace(' ', '+')}"
    for name, who, headers, box, extra in (
        ("latest_of_a_firm", own, mine, BOX, ""),
        ("latest_on_record", office, office_token, BOX, stated),
        ("latest_of_199_firms", office, office_token, OTHER_BOX, stated),
    ):
        at = utc_now(), rules
        statement = latest_statement(who, LatestFilter(box), (0, IN_BOX), at, counted=who is office)
        edges = f"{box.west},{box.south},{box.east},{box.north}"
        path = f"/v1/latest-positions?bbox={edges}&limit={IN_BOX}{extra}"
        found.append(Question(name, path, headers, who, statement))
    for name, tolerance in (("track", 0.0), ("track_thinned", 20.0)):
        wanted = TrackFilter(vehicle, window, tolerance)
        statement = track_statement(own, wanted, rules.jump_kmh, "geojson")
        path = f"/v1/tracks?{asked}&tolerance_m={tolerance}"
        found.append(Question(name, path, mine, own, statement))
    return found


def literal(statement: tuple[TextClause, dict[str, Any]]) -> str:
    """The statement with its parameters in it, as psql takes it."""
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # so it is
    bound = statement[0].bindparams(**statement[1])
    return str(bound.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


class Psql:
    """One session of psql."""

    def __init__(self, url: str, scope: Principal) -> None:
        command = [str(binaries() / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", url]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        given = scope.db_scope
        for name, value in (("role", given.role), ("enterprise_id", given.enterprise_id)):
            self.ask(f"SELECT set_config('app.{name}', '{value}', false)")

    def ask(self, query: str) -> tuple[float, int]:
        """Milliseconds and bytes of one answer.

        Raises:
            RuntimeError: psql has ended.
        """
        source, sink = self._process.stdin, self._process.stdout
        assert source is not None  # noqa: S101  it was opened so
        assert sink is not None  # noqa: S101  the same
        began = time.perf_counter()
        source.write(f"{query};\n\\echo done\n".encode())
        source.flush()
        size = 0
        while (line := sink.readline()) != b"done\n":
            if not line:
                raise RuntimeError("psql ended")
            size += len(line)
        return (time.perf_counter() - began) * 1000, size

    def close(self) -> None:
        """End it."""
        self._process.communicate(b"\\q\n")


async def ask(streams: tuple[Any, Any], question: Question) -> tuple[float, int]:
    """Milliseconds and bytes of one answer over HTTP.

    Raises:
        RuntimeError: the answer is not 200.
    """
    reader, writer = streams
    lines = "".join(f"{name}: {value}\r\n" for name, value in question.headers.items())
    began = time.perf_counter()
    writer.write(f"GET {question.path} HTTP/1.1\r\nHost: bench\r\n{lines}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(body[:500].decode())
    return (time.perf_counter() - began) * 1000, length


@contextmanager
def served(urls: dict[str, str], directory: Path) -> Iterator[int]:
    """The API in a process of its own; its port."""
    port = unused_port()
    given = {"urls": urls, "directory": str(directory), "port": port, "registry_key": factories.REGISTRY_KEY}
    command = [sys.executable, "-m", "tests.support.telemetry_server", json.dumps(given)]
    with (directory / "api.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, stderr=log, stdout=log)
    try:
        wait_for_listener(port, process.pid, 30)
        yield port
    finally:
        process.terminate()
        process.wait()


async def compare(port: int, url: str, question: Question, rounds: int) -> dict[str, Any]:
    """Ask both in alternation; the 95th percentiles in ms and their ratio."""
    streams = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    psql, query = Psql(url, question.scope), literal(question.statement)
    ours, limit = [], []
    for number in range(rounds + 10):
        took, size = await ask(streams, question)
        took_psql, size_psql = psql.ask(query)
        if number >= 10:
            ours.append(took)
            limit.append(took_psql)
    psql.close()
    streams[1].close()
    if abs(size - size_psql) > max(2000, size / 100):  # psql's row has the firms' counts beside it
        raise RuntimeError(f"{question.name}: {size} and {size_psql} bytes are not the same answer")
    result = {"ours_p95_ms": _p95(ours), "psql_p95_ms": _p95(limit), "bytes": size}
    return {**result, "ours_p50_ms": _p50(ours), "psql_p50_ms": _p50(limit)}


def _p95(values: list[float]) -> float:
    return round(sorted(values)[int(len(values) * 0.95)], 2)


def _p50(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 2)


def bench(rounds: int, others: int) -> dict[str, Any]:
    """Compare everything so many times, beside so many positions of others; what was found."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    with ExitStack() as stack:
        home = stack.enter_context(scratch_directory())
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cityfreight-bench-")))
        cluster = Cluster(home / "postgres", unused_port(), secrets.token_hex(8))
        cluster.create()
        cluster.start()
        stack.callback(cluster.remove)
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        cluster.create_database("bench", passwords)
        urls = cluster.urls("bench", passwords)
        migrate(urls, ["telemetry"])
        firms = [uuid4() for _ in range(200)]
        vehicle = asyncio.run(fill(urls, firms, day, others))
        port = stack.enter_context(served(urls, directory))
        runs = {}
        for question in questions(firms[0], vehicle, day):
            found = asyncio.run(compare(port, urls["telemetry_api"], question, rounds))
            runs[question.name] = {**found, "ratio": round(found["ours_p95_ms"] / found["psql_p95_ms"], 3)}
            print(f"{question.name}: {json.dumps(runs[question.name])}", flush=True)
    worst = max(runs.values(), key=lambda run: run["ratio"])
    return {
        "bench": "reading", "ratio": worst["ratio"], "ours": worst["ours_p95_ms"],
        "limit": worst["psql_p95_ms"], "limit_is": LIMIT_IS, "runs": runs,
    }  # fmt: skip


def main() -> None:
    """Print one JSON line."""
    print(json.dumps(bench(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, OTHERS)))


if __name__ == "__main__":
    main()
