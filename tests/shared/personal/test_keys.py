"""Keys and boxes: what opens, what does not, and rings as they go round."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from services.shared.personal.keys import (
    KeyRing,
    UnreadableValue,
    new_ring,
    next_ring,
    seal,
    unseal,
    with_new_key,
)

KEY = bytes(range(32))


def _ring(given: dict[str, Any]) -> KeyRing:
    return KeyRing.from_json(json.dumps(given))


@given(st.binary(max_size=200), st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_box_opens_at_its_place_with_its_key_only(plain: bytes, place: str) -> None:
    box = seal(KEY, plain, place)
    assert unseal(KEY, box, place) == plain
    for key, where in ((KEY[::-1], place), (KEY, place + "x")):
        with pytest.raises(UnreadableValue):
            unseal(key, box, where)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_box_that_was_altered_does_not_open(plain: bytes, data: st.DataObject) -> None:
    box = seal(KEY, plain, "p")
    at = data.draw(st.integers(0, len(box) - 1))
    flipped = box[:at] + bytes([box[at] ^ data.draw(st.integers(1, 255))]) + box[at + 1 :]
    for broken in (flipped, box[:-1], box[:5], b""):
        with pytest.raises(UnreadableValue):
            unseal(KEY, broken, "p")


def test_a_box_is_aes_256_gcm_with_the_place_as_additional_data() -> None:
    """Opened by hand with the library alone: nonce of 96 bits, then ciphertext and tag."""
    box = seal(KEY, "王强".encode(), "registry|id|name")
    assert AESGCM(KEY).decrypt(box[:12], box[12:], b"registry|id|name").decode() == "王强"
    assert len({seal(KEY, b"same", "p")[:12] for _ in range(1000)}) == 1000


def test_a_blind_index_is_an_hmac_of_field_and_value_under_a_key_of_its_own() -> None:
    # openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:000102…1f \
    #   -kdfopt "info:cityfreight personal index" -binary HKDF | xxd -p -c 64
    # printf 'id_number\x1f11010519491231002X' | openssl dgst -sha256 -mac HMAC -macopt hexkey:…
    ring = KeyRing("a", {"a": KEY})
    assert ring.index("id_number", "11010519491231002X").hex() == EXPECTED_INDEX
    assert ring.index("id_number", "x") != ring.index("mobile_phone", "x")
    assert KeyRing("b", {"b": KEY[::-1]}).index("id_number", "x") != ring.index("id_number", "x")


EXPECTED_INDEX = "4b0370ac6bbbddc36dbf89f27bd0b91a2e8c4647b1108c4b79d547cb8802d279"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"current": "a", "keys": {}}',
        json.dumps({"current": "a", "keys": {"a": base64.b64encode(b"short").decode()}}),
        json.dumps({"current": "b", "keys": {"a": base64.b64encode(KEY).decode()}}),
        '{"current": "a", "keys": {"a": "not base64"}}',
    ],
)
def test_a_broken_ring_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        KeyRing.from_json(text)


def test_an_own_key_opens_with_every_ring_that_has_its_ring_key() -> None:
    old = new_ring()
    box = _ring(old).wrap(KEY, "p")
    grown = with_new_key(old)
    assert grown["current"] != old["current"]
    assert _ring(grown).unwrap(old["current"], box, "p") == KEY
    alone = {"current": grown["current"], "keys": {grown["current"]: grown["keys"][grown["current"]]}}
    with pytest.raises(UnreadableValue):
        _ring(alone).unwrap(old["current"], box, "p")
    with pytest.raises(UnreadableValue):
        _ring(grown).unwrap(grown["current"], box, "p")


def test_a_rotation_goes_through_three_states_neighbours_of_which_read_each_other() -> None:
    states = [new_ring()]
    for _ in range(3):
        states.append(next_ring(states[-1]))
    first, announced, promoted, last = states
    (old,), (new,) = first["keys"], last["keys"]
    assert [state["current"] for state in states] == [old, old, new, new]
    assert set(announced["keys"]) == set(promoted["keys"]) == {old, new}
    assert old not in last["keys"]
    for one, other in pairwise(states):
        for writer, reader in ((one, other), (other, one)):
            box = _ring(writer).wrap(KEY, "p")
            assert _ring(reader).unwrap(writer["current"], box, "p") == KEY
            assert _ring(writer).index("f", "v") in _ring(reader).indexes("f", "v")
    assert len(next_ring(last)["keys"]) == 2, "and round again"


def test_nothing_of_a_ring_shows_in_a_log() -> None:
    assert base64.b64encode(KEY).decode() not in repr(KeyRing("a", {"a": KEY}))
    assert repr(KEY) not in repr(KeyRing("a", {"a": KEY}))
