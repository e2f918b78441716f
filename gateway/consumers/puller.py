"""The puller a province runs: takes one dataset, verifies every byte, resumes where it stopped.

    python -m gateway.consumers.puller --url https://… --dataset vehicles --directory …
        --client-id … --client-secret-file …

One run goes to the head the exchange signs and ends; run it by a timer. It needs HTTP only. Exit codes:
0 verified, 1 the exchange did not answer (try again), 2 something does not verify (nothing was published),
3 the exchange's history is another than the one held here (after asking why, run once with `--rebuild`),
4 it refuses this client or knows no such dataset.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from gateway.consumers.pull_source import PAGE, ClientAuth, Compacted, Forked, Manifest, Mismatch, PullSource
from gateway.consumers.pull_store import PullStore

_FINAL = {400, 401, 403, 404, 422}
_TIMEOUT = httpx.Timeout(10.0, read=60.0)


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a run ended with."""

    pos: int
    entities: int


async def pull(source: PullSource, store: PullStore, keys: dict[str, Any] | None = None) -> Pulled:
    """Bring the copy to the exchange's signed head and prove it.

    Args:
        source: The dataset.
        store: The copy.
        keys: The exchange's public keys; None takes those of the first run, which are kept.

    Raises:
        Mismatch: Something does not verify; the copy is not published.
        Forked: The exchange's history is another.
        httpx.HTTPError: It did not answer.
    """
    keys = keys or await _pinned_keys(source, store)
    await _read_snapshot(source, store)
    manifest = await source.manifest(keys)
    try:
        await _read_changes(source, store, manifest)
    except Compacted:
        store.clear()
        await _read_snapshot(source, store)
        manifest = await source.manifest(keys)
        await _read_changes(source, store, manifest)
    _prove(store, manifest)
    store.publish(manifest.document)
    return Pulled(manifest.pos, manifest.entities)


async def _pinned_keys(source: PullSource, store: PullStore) -> dict[str, Any]:
    text = store.fact("keys")
    if text is None:
        text = json.dumps(await source.keys())
        store.remember("keys", text)
    known: dict[str, Any] = json.loads(text)
    return known


async def _read_snapshot(source: PullSource, store: PullStore) -> None:
    """Read the snapshot, or what is left of it; nothing when this copy follows the changes already."""
    at = store.position()
    while at is None or at.reading_snapshot:
        held, at = await source.snapshot(at)
        store.apply(held, at)


async def _read_changes(source: PullSource, store: PullStore, manifest: Manifest) -> None:
    """Read on to exactly the position of the manifest."""
    at = store.position()
    if at is None or at.feed_id != manifest.feed_id or at.pos > manifest.pos:
        raise Forked(f"the exchange is at {manifest.feed_id}/{manifest.pos}")
    while at.pos < manifest.pos:
        held, at = await source.changes(at, manifest.pos - at.pos)
        store.apply(held, at)


def _prove(store: PullStore, manifest: Manifest) -> None:
    at = store.position()
    if at is None or at.digest != manifest.digest:
        raise Mismatch(f"the chain at {manifest.pos} is another than the signed one")
    if store.proof() != (manifest.entities, manifest.contents):
        raise Mismatch(f"the entities at {manifest.pos} are others than the signed ones")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway.consumers.puller", description=__doc__)
    parser.add_argument("--url", required=True, help="public address of the platform")
    parser.add_argument("--dataset", required=True, help="one of /exchange/v1/datasets")
    parser.add_argument("--directory", required=True, type=Path, help="where the copy is kept")
    parser.add_argument("--client-id", help="OAuth2 client; without it the public's view is pulled")
    parser.add_argument("--client-secret-file", type=Path, help="file that holds the client's secret")
    parser.add_argument("--keys-file", type=Path, help="JWKS to trust instead of that of the first run")
    parser.add_argument("--page", type=int, default=PAGE, help="entries a request, 1 to 5000")
    parser.add_argument("--rebuild", action="store_true", help="forget the copy and begin from the snapshot")
    return parser.parse_args(arguments)


async def _run(given: argparse.Namespace, store: PullStore) -> Pulled:
    if given.rebuild:
        store.clear()
    url = given.url.rstrip("/")
    origin = f"{url} {given.dataset} {given.client_id or ''}"
    if (store.fact("origin") or origin) != origin:
        raise Mismatch(f"this copy is of {store.fact('origin')}")
    store.remember("origin", origin)
    auth = None
    if given.client_id:
        secret = given.client_secret_file.read_text(encoding="utf-8").strip()
        auth = ClientAuth(url, given.client_id, secret)
    keys = json.loads(given.keys_file.read_text(encoding="utf-8")) if given.keys_file else None
    async with httpx.AsyncClient(base_url=url, auth=auth, timeout=_TIMEOUT) as client:
        return await pull(PullSource(client, given.dataset, given.page), store, keys)


def _report(error: Exception) -> int:
    """Say what ended the run; its exit code."""
    if isinstance(error, Mismatch | sqlite3.DatabaseError):
        text, code = "does not verify", 2
    elif isinstance(error, Forked):
        text, code = "forked, see --rebuild", 3
    elif isinstance(error, httpx.HTTPStatusError) and error.response.status_code in _FINAL:
        text, code = "refused, check dataset and client", 4
    else:
        text, code = "no answer", 1
    print(f"{text}: {error}", file=sys.stderr)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run once; the exit code."""
    given = _arguments(arguments)
    try:
        store = PullStore(given.directory, given.dataset)
    except BlockingIOError:
        print(f"{given.directory} is being pulled to by another process", file=sys.stderr)
        return 1
    try:
        done = asyncio.run(_run(given, store))
    except (Mismatch, Forked, sqlite3.DatabaseError, httpx.HTTPError, OSError) as error:
        return _report(error)
    finally:
        store.close()
    print(
        json.dumps({"dataset": given.dataset, "pos": done.pos, "entities": done.entities, "verified": True})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
