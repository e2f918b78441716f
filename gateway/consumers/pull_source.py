"""What a puller reads over HTTP, each page checked before it is believed."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from gateway.consumers.pull_store import Held, Position
from services.shared.changes import Entry, next_digest

PAGE = 1000
_ALGORITHM = "Ed25519"


class Mismatch(Exception):
    """What was served does not verify."""


class Forked(Exception):
    """The exchange says that its history is another than the one held here."""


class Compacted(Exception):
    """The exchange no longer keeps the changes after the position held here."""


class _Head(msgspec.Struct):
    pos: int
    kind: str
    id: UUID
    version: int
    schema_version: int
    deleted: bool
    recorded_at: datetime
    state: msgspec.Raw

    def held(self) -> Held:
        return Held(self.id, self.pos, None if self.deleted else bytes(self.state))

    def entry(self) -> Entry:
        return Entry(
            *(self.pos, self.kind, self.id, self.version, self.schema_version, self.deleted),
            recorded_at=self.recorded_at,
            state=bytes(self.state),
        )


class _Change(_Head):
    digest: str


class _Changes(msgspec.Struct):
    feed_id: UUID
    dataset: str
    items: list[_Change]


class _Snapshot(msgspec.Struct):
    feed_id: UUID
    dataset: str
    pos: int
    digest: str
    next_cursor: str | None
    items: list[_Head]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the exchange signed; `document` is the whole answer."""

    feed_id: UUID
    pos: int
    digest: bytes
    entities: int
    contents: bytes
    document: dict[str, Any]


class ClientAuth(httpx.Auth):
    """Client credentials: a token at first use, and a new one when it is refused."""

    requires_response_body = True

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        self._request = httpx.Request(
            "POST",
            f"{url}/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": httpx.BasicAuth(client_id, secret)._auth_header},  # noqa: SLF001 - the header RFC 6749 asks for
        )
        self._token = ""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send the request with a token."""
        for _attempt in range(2):
            if not self._token:
                answer = yield self._request
                await answer.aread()
                answer.raise_for_status()
                self._token = answer.json()["access_token"]
            request.headers["Authorization"] = f"Bearer {self._token}"
            answer = yield request
            if answer.status_code != HTTPStatus.UNAUTHORIZED:
                return
            self._token = ""


class PullSource:
    """One dataset of one exchange."""

    def __init__(self, client: httpx.AsyncClient, dataset: str, page: int = PAGE) -> None:
        self._client = client
        self._page = page
        self._dataset = dataset
        self._path = f"/exchange/v1/{dataset}"

    async def keys(self) -> dict[str, Any]:
        """Return the exchange's public keys."""
        answer = await self._client.get("/exchange/v1/keys")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def manifest(self, keys: dict[str, Any]) -> Manifest:
        """Return the signed head.

        Raises:
            Mismatch: It is not signed by one of `keys`, or says something else beside its signature.
        """
        answer = await self._client.get(f"{self._path}/manifest")
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        signed = _signed(str(document.get("jws", "")), keys)
        if signed != {name: value for name, value in document.items() if name != "jws"}:
            raise Mismatch("the manifest says something else than what was signed")
        if signed.get("dataset") != self._dataset:
            raise Mismatch("the manifest is of another dataset")
        return Manifest(
            UUID(signed["feed_id"]),
            int(signed["pos"]),
            bytes.fromhex(signed["digest"]),
            int(signed["entities"]),
            bytes.fromhex(signed["contents"]),
            document,
        )

    async def snapshot(self, at: Position | None) -> tuple[list[Held], Position]:
        """Return the next page of the newest states, and where it leads.

        Raises:
            Forked: The log began a new life while its snapshot was read.
        """
        params: dict[str, str | int] = {"limit": self._page}
        if at is not None and at.snapshot_cursor is not None:
            params["cursor"] = at.snapshot_cursor
        answer = await self._client.get(f"{self._path}/snapshot", params=params)
        answer.raise_for_status()
        page = _decode(answer.content, _Snapshot)
        if at is not None and at.feed_id != page.feed_id:
            raise Forked(f"{at.feed_id} has become {page.feed_id}")
        pos, digest = (at.pos, at.digest) if at else (page.pos, bytes.fromhex(page.digest))
        more = page.next_cursor is not None
        return [item.held() for item in page.items], Position(
            page.feed_id, pos, digest, more, page.next_cursor
        )

    async def changes(self, at: Position, most: int) -> tuple[list[Held], Position]:
        """Return up to `most` changes after a position, and where they lead.

        Raises:
            Forked: The log is of another history.
            Compacted: The position is no longer kept.
            Mismatch: A position is missing, or a digest does not follow from the one before.
        """
        cursor: dict[str, str | int] = {
            "after": at.pos,
            "limit": min(most, self._page),
            "feed_id": str(at.feed_id),
            "digest": at.digest.hex(),
        }
        answer = await self._client.get(f"{self._path}/changes", params=cursor)
        if answer.status_code == HTTPStatus.CONFLICT:
            raise Forked(answer.text)
        if answer.status_code == HTTPStatus.GONE:
            raise Compacted(answer.text)
        answer.raise_for_status()
        page = _decode(answer.content, _Changes)
        if page.feed_id != at.feed_id or page.dataset != self._dataset or not page.items:
            raise Mismatch(f"no continuation of position {at.pos}")
        pos, digest = at.pos, at.digest
        for item in page.items:
            digest = next_digest(digest, item.entry())
            if item.pos != pos + 1 or item.digest != digest.hex():
                raise Mismatch(f"position {item.pos} does not continue {pos}")
            pos = item.pos
        return [item.held() for item in page.items], Position(at.feed_id, pos, digest)


Shape = Any


def _decode(body: bytes, shape: type[Shape]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise Mismatch(f"an answer of another shape: {error}") from error


def _signed(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a compact JWS signed by one of `keys`."""
    by_id = {key.get("kid"): key for key in keys.get("keys", [])}
    try:
        header = jws.extract_compact(token.encode()).headers()
        key = OKPKey.import_key(by_id[header.get("kid")])
        verified = jws.deserialize_compact(token, key, algorithms=[_ALGORITHM])
        payload: dict[str, Any] = json.loads(verified.payload)
    except KeyError as error:
        raise Mismatch("the manifest is signed by a key that is not known here") from error
    except (JoseError, ValueError, TypeError) as error:
        raise Mismatch("the manifest's signature does not hold") from error
    return payload
