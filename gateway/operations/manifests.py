"""Signing the head of a log, so that a puller can show whom it had what from."""

from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.jwk import OKPKey

from services.shared.auth.tokens import ALGORITHM
from services.shared.changes import canonical_bytes
from services.shared.schemas import format_instant

TYPE = "exchange-manifest"


def sign_manifest(key: OKPKey, log: Any, now: datetime) -> dict[str, Any]:
    """Return the manifest of a log's head.

    Args:
        key: The manifest key.
        log: A row of `exchange_logs`.
        now: The present instant.
    """
    payload: dict[str, Any] = {
        "feed_id": str(log["feed_id"]),
        "dataset": log["dataset"],
        "audience": log["audience"],
        "pos": log["pos"],
        "digest": log["digest"].hex(),
        "entities": log["entities"],
        "contents": log["contents"].hex(),
        "issued_at": format_instant(now),
        "key_id": key.kid,
    }
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}
    signed = jws.serialize_compact(header, canonical_bytes(payload), key, algorithms=[ALGORITHM])
    return {**payload, "jws": signed}


def key_set(key: OKPKey) -> dict[str, Any]:
    """Return the public key set of the exchange."""
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid, "alg": ALGORITHM, "use": "sig"}]}
