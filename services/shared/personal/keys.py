"""Keys of personal values: key-encryption keys by id, sealed boxes, blind indexes.

A subject's own 256-bit key is wrapped by a key-encryption key of the ring; its values are sealed under
its own key. AES-256-GCM (NIST SP 800-38D) with random nonces of 96 bits; the additional data name the place
of a value, so that a box moved to another row or column does not open. Wrapping key and index key are
derived from one ring key by HKDF-SHA256 (RFC 5869).
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.shared.errors import ServiceError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class UnreadableValue(ServiceError):
    """A box that does not open: its ring key is missing, or it was altered or moved."""

    slug = "personal-value-unreadable"
    title_zh, title_en = "个人信息无法解密", "A personal value cannot be decrypted"


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """Return nonce ‖ ciphertext ‖ tag of a value that belongs to `place`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, box: bytes, place: str) -> bytes:
    """Return what `seal` put into a box.

    Raises:
        UnreadableValue: Another key, another place, or altered.
    """
    try:
        return AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise UnreadableValue from error


@dataclass(frozen=True, repr=False)
class KeyRing:
    """Key-encryption keys by id; new subjects are wrapped by `current`, older ids still open.

    The JSON form is `{"current": id, "keys": {id: base64 of 32 bytes}}`.
    """

    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a ring.

        Raises:
            ValueError: Not a ring, a key of another length, or `current` not among them.
        """
        given = json.loads(text)
        keys = {name: base64.b64decode(key, validate=True) for name, key in given["keys"].items()}
        if given["current"] not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError("not a ring of 256-bit keys with a current one")
        return cls(given["current"], keys)

    def wrap(self, own_key: bytes, place: str) -> bytes:
        """Seal a subject's own key under the current ring key."""
        return seal(self._derived(self.current, "wrap"), own_key, place)

    def unwrap(self, ring_key: str, box: bytes, place: str) -> bytes:
        """Open a subject's own key.

        Raises:
            UnreadableValue: The ring key is not here, or the box is not of this place.
        """
        if ring_key not in self.keys:
            raise UnreadableValue
        return unseal(self._derived(ring_key, "wrap"), box, place)

    def index(self, field: str, value: str, ring_key: str | None = None) -> bytes:
        """Return the blind index of a canonical value: HMAC-SHA256, equal for equal values of one field."""
        key = self._derived(ring_key or self.current, "index")
        return hmac.digest(key, f"{field}\x1f{value}".encode(), sha256)

    def indexes(self, field: str, value: str) -> list[bytes]:
        """Return the blind indexes of a value under every ring key, for looking it up while keys rotate."""
        return [self.index(field, value, ring_key) for ring_key in self.keys]

    def _derived(self, ring_key: str, use: str) -> bytes:
        info = f"cityfreight personal {use}".encode()
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self.keys[ring_key])


def new_ring() -> dict[str, Any]:
    """Return a fresh ring of one key, as JSON has it."""
    return with_new_key({"current": "", "keys": {}})


def with_new_key(ring: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ring with a further key, which becomes the current one."""
    name = f"k{len(ring['keys']) + 1}-{secrets.token_hex(4)}"
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return {"current": name, "keys": {**ring["keys"], name: key}}


def next_ring(ring: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ring's next state while its key is rotated, given to every process before the one after.

    A new key beside the current one; then the new one current; then it alone, once nothing is under another
    key. So whatever one process writes, a process one state behind or ahead can read.
    """
    keys = dict(ring["keys"])
    newest = next(reversed(keys))
    if len(keys) == 1:
        return {**with_new_key(ring), "current": ring["current"]}
    if ring["current"] != newest:
        return {"current": newest, "keys": keys}
    return {"current": newest, "keys": {newest: keys[newest]}}
