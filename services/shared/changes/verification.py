"""Proving a feed: every position from the last cut (or from 1) to the head, and every signed checkpoint."""

# ruff: noqa: S608 - the schema is a constant of the service, values are parameters

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.shared.changes.chain import GENESIS, ChainBroken, Entry, next_digest
from services.shared.changes.feed import Feed
from services.shared.db import Database

_PAGE = 5000
ALGORITHM = "Ed25519"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven: positions `after`+1 … `head`, and the digest at the head."""

    after: int
    head: int
    digest: bytes


async def verify_feed(feed: Feed, database: Database, key: OKPKey | None = None) -> Verified:
    """Recompute the chain from the last cut to the head and check the checkpoints' signatures.

    Args:
        feed: The feed.
        database: Of a role that may read it.
        key: The service's public key; without it signatures are not checked.

    Raises:
        ChainBroken: A position is missing or repeated, time went back, a digest or a signature does not hold.
    """
    pool = await database.pool()
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        cuts = await connection.fetch(f"SELECT * FROM {feed.schema}.feed_checkpoints ORDER BY pos")
        if key is not None:
            for cut in cuts:
                check_checkpoint(feed.schema, cut, key)
        after, digest = (cuts[-1]["pos"], cuts[-1]["digest"]) if cuts else (0, GENESIS)
        head, moment = after, None
        async for entry, stored in _entries(connection, feed, after):
            digest = next_digest(digest, entry)
            if entry.pos != head + 1 or digest != stored or (moment and entry.recorded_at < moment):
                raise ChainBroken(f"at position {entry.pos} after {head}")
            head, moment = entry.pos, entry.recorded_at
        meta = await connection.fetchrow(
            f"SELECT head_pos, head_digest FROM {feed.schema}.feed_meta ORDER BY generation DESC LIMIT 1"
        )
    if meta is not None and (meta["head_pos"], meta["head_digest"]) != (head, digest):
        raise ChainBroken(f"the head says {meta['head_pos']}, the chain ends at {head}")
    return Verified(after, head, digest)


async def _entries(connection: Any, feed: Feed, after: int) -> AsyncIterator[tuple[Entry, bytes]]:
    while rows := await connection.fetch(
        "SELECT pos, kind, id, version, schema_version, deleted, recorded_at, state, digest"
        f" FROM {feed.schema}.changes WHERE pos > $1 ORDER BY pos LIMIT {_PAGE}",
        after,
    ):
        for row in rows:
            values = tuple(row)
            yield Entry(*values[:-1]), values[-1]
        after = rows[-1]["pos"]


def sign_checkpoint(schema: str, feed_id: object, pos: int, digest: bytes, key: OKPKey) -> str:
    """Return the compact JWS (EdDSA) over a checkpoint's canonical JSON."""
    payload = json.dumps(
        {"digest": digest.hex(), "feed": schema, "feed_id": str(feed_id), "pos": pos}, separators=(",", ":")
    )
    header = {"alg": ALGORITHM, "typ": "feed-checkpoint", "kid": key.kid}
    return jws.serialize_compact(header, payload, key, algorithms=[ALGORITHM])


def check_checkpoint(schema: str, cut: Any, key: OKPKey) -> None:
    """Check one row of `feed_checkpoints`.

    Raises:
        ChainBroken: Its signature does not hold, or signs something else.
    """
    try:
        signed = json.loads(jws.deserialize_compact(cut["signature"], key, algorithms=[ALGORITHM]).payload)
    except (JoseError, ValueError) as error:
        raise ChainBroken(f"signature of the checkpoint at {cut['pos']}") from error
    expected = {
        "digest": cut["digest"].hex(),
        "feed": schema,
        "feed_id": str(cut["feed_id"]),
        "pos": cut["pos"],
    }
    if signed != expected:
        raise ChainBroken(f"the checkpoint at {cut['pos']} signs something else")
