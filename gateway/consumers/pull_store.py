"""What a puller keeps on disk: one SQLite file a dataset, in which cursor and entities move together.

After each run that verified, two files are renamed into place for others to read: `<dataset>.jsonl`
(one canonical state a line, by id) and `<dataset>.manifest.json` (the signed head they were proven by).
"""

import fcntl
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway.domain import contents

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entities (
  id TEXT PRIMARY KEY, pos INTEGER NOT NULL, state BLOB NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Position:
    """How far this copy is: a place in a log, and in the snapshot while that is being read."""

    feed_id: UUID
    pos: int
    digest: bytes
    reading_snapshot: bool = False
    snapshot_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One entity's newest state; None when it is gone."""

    id: UUID
    pos: int
    state: bytes | None


class PullStore:
    """The copy of one dataset in one directory."""

    def __init__(self, directory: Path, dataset: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._dataset = directory, dataset
        self._lock = (directory / f".{dataset}.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise
        self._db = sqlite3.connect(directory / f"{dataset}.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the files; the lock goes with them."""
        self._db.close()
        self._lock.close()

    def fact(self, name: str) -> str | None:
        """Return a remembered text, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def remember(self, name: str, value: str) -> None:
        """Keep a text."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def position(self) -> Position | None:
        """Return how far this copy is, None before the first page."""
        text = self.fact("position")
        if text is None:
            return None
        known = json.loads(text)
        return Position(
            UUID(known["feed_id"]),
            known["pos"],
            bytes.fromhex(known["digest"]),
            known["reading_snapshot"],
            known["snapshot_cursor"],
        )

    def apply(self, held: Iterable[Held], position: Position) -> None:
        """Take a page and move on, both or neither; of an entity only what is newer than what is held."""
        with self._transaction():
            for each in held:
                if each.state is None:
                    self._db.execute(
                        "DELETE FROM entities WHERE id = ? AND pos < ?", (str(each.id), each.pos)
                    )
                else:
                    self._db.execute(
                        "INSERT INTO entities VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
                        " SET pos = excluded.pos, state = excluded.state WHERE excluded.pos > entities.pos",
                        (str(each.id), each.pos, each.state),
                    )
            self._move(position)

    def clear(self) -> None:
        """Forget all entities and the position, to begin again from the snapshot."""
        with self._transaction():
            self._db.execute("DELETE FROM entities")
            self._db.execute("DELETE FROM facts WHERE name = 'position'")

    def proof(self) -> tuple[int, bytes]:
        """Return number and sum of the entities, computed anew from every stored byte."""
        total, count = contents.EMPTY, 0
        for state in self._states():
            total, count = contents.replace(total, None, state), count + 1
        return count, total

    def publish(self, manifest: Mapping[str, Any]) -> None:
        """Write the verified entities and their manifest for others to read, each by an atomic rename."""
        lines = self._directory / f".{self._dataset}.jsonl"
        with lines.open("wb") as out:
            for state in self._states():
                out.write(state + b"\n")
        lines.replace(self._directory / f"{self._dataset}.jsonl")
        signed = self._directory / f".{self._dataset}.manifest.json"
        signed.write_text(json.dumps(manifest), encoding="utf-8")
        signed.replace(self._directory / f"{self._dataset}.manifest.json")

    def _states(self) -> Iterator[bytes]:
        for row in self._db.execute("SELECT CAST(state AS BLOB) FROM entities ORDER BY id"):
            yield bytes(row[0])

    def _move(self, position: Position) -> None:
        text = {
            "feed_id": str(position.feed_id),
            "pos": position.pos,
            "digest": position.digest.hex(),
            "reading_snapshot": position.reading_snapshot,
            "snapshot_cursor": position.snapshot_cursor,
        }
        self.remember("position", json.dumps(text))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
