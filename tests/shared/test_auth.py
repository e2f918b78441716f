"""Tokens: everything that is not exactly ours is refused (`reliability.md` S4: accepted 0)."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OKPKey

from services.registry.settings import RegistrySettings
from services.shared.auth import Principal, Role, TokenVerifier, require
from services.shared.auth.tokens import LIFETIME_S, generate_key, public_part
from services.shared.errors import Forbidden, ServiceError, Unauthorized, Unavailable
from tests.factories import registry as make
from tests.shared.probe_service import create_probe

REAL, ROGUE = make.SIGNING_KEY, generate_key("rogue")
KID = REAL["kid"]
Json = dict[str, Any]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _part(value: Any) -> str:
    return _b64(json.dumps(value).encode())


def _ed25519(jwk: Json) -> Callable[[bytes], bytes]:
    seed = base64.urlsafe_b64decode(jwk["d"] + "==")
    return Ed25519PrivateKey.from_private_bytes(seed).sign


def _hmac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def _rsa(data: bytes) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.sign(data, padding.PKCS1v15(), SHA256())


_SIGN = _ed25519(REAL)


def _forge(header: Any, claims: Any, sign: Callable[[bytes], bytes] = _SIGN) -> str:
    """A token made by hand, as no library would make it."""
    head = f"{_part(header)}.{_part(claims)}"
    return f"{head}.{_b64(sign(head.encode()))}"


def _header(**values: Any) -> Json:
    return {"alg": "Ed25519", "typ": "JWT", "kid": KID, **values}


def _claims(**values: Any) -> Json:
    now = int(time.time())
    claims = {
        "iss": "cityfreight",
        "aud": "cityfreight",
        "sub": str(uuid4()),
        "iat": now,
        "exp": now + LIFETIME_S,
        "role": "transport_bureau",
        "name": "攻击者",
        "scope": "admin",
        **values,
    }
    return {name: value for name, value in claims.items() if value is not ...}


@pytest.fixture(scope="module")
async def probe(
    database_urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    settings = RegistrySettings(**make.settings_values(database_urls, tmp_path_factory.mktemp("auth")))
    async with make.running(create_probe(settings)) as client:
        yield client


async def _status(probe: httpx.AsyncClient, token: str) -> int:
    answer = await probe.get("/probe/scope", headers=[(b"Authorization", f"Bearer {token}".encode())])
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


async def test_the_hand_made_token_is_good_when_it_is_ours(probe: httpx.AsyncClient) -> None:
    assert await _status(probe, _forge(_header(), _claims())) == 200


PUBLIC = base64.urlsafe_b64decode(REAL["x"] + "==")
FORGERIES: dict[str, Callable[[], str]] = {
    "alg none": lambda: f"{_part(_header(alg='none'))}.{_part(_claims())}.",
    "alg None": lambda: f"{_part(_header(alg='None'))}.{_part(_claims())}.",
    "alg none with our signature": lambda: _forge(_header(alg="none"), _claims()),
    "alg empty": lambda: _forge(_header(alg=""), _claims()),
    "alg missing": lambda: _forge({"typ": "JWT", "kid": KID}, _claims()),
    "alg a list": lambda: _forge(_header(alg=["Ed25519"]), _claims()),
    "HS256 with the public key": lambda: _forge(_header(alg="HS256"), _claims(), _hmac(PUBLIC)),
    "HS256 with its text": lambda: _forge(_header(alg="HS256"), _claims(), _hmac(REAL["x"].encode())),
    "HS256 with the JWK": lambda: _forge(
        _header(alg="HS256"), _claims(), _hmac(json.dumps(public_part(REAL)).encode())
    ),
    "HS256 with no secret": lambda: _forge(_header(alg="HS256"), _claims(), _hmac(b"")),
    "RS256": lambda: _forge(_header(alg="RS256"), _claims(), _rsa),
    "another key under our kid": lambda: _forge(_header(), _claims(), _ed25519(ROGUE)),
    "its own key as jwk": lambda: _forge(_header(jwk=public_part(ROGUE)), _claims(), _ed25519(ROGUE)),
    "its own kid and jwk": lambda: _forge(
        _header(kid="rogue", jwk=public_part(ROGUE)), _claims(), _ed25519(ROGUE)
    ),
    "jku": lambda: _forge(_header(kid="rogue", jku="http://127.0.0.1:1/keys"), _claims(), _ed25519(ROGUE)),
    "x5u": lambda: _forge(_header(kid="rogue", x5u="http://127.0.0.1:1/c"), _claims(), _ed25519(ROGUE)),
    "unknown crit": lambda: _forge(_header(crit=["bork"], bork=True), _claims()),
    "crit b64": lambda: _forge(_header(crit=["b64"], b64=False), _claims()),
    "crit empty": lambda: _forge(_header(crit=[]), _claims()),
    "kid a path": lambda: _forge(_header(kid="../../../dev/null"), _claims(), _hmac(b"")),
    "kid SQL": lambda: _forge(_header(kid="x' UNION SELECT 'a"), _claims(), _hmac(b"a")),
    "kid a list": lambda: _forge(_header(kid=[KID]), _claims()),
    "kid an object": lambda: _forge(_header(kid={"a": KID}), _claims()),
    "kid null": lambda: _forge(_header(kid=None), _claims()),
    "kid missing": lambda: _forge({"alg": "Ed25519"}, _claims()),
    "kid NUL": lambda: _forge(_header(kid=f"{KID}\x00"), _claims()),
    "kid surrogate": lambda: _forge(_header(kid="\ud800"), _claims()),
    "no iss": lambda: _forge(_header(), _claims(iss=...)),
    "other iss": lambda: _forge(_header(), _claims(iss="https://accounts.example")),
    "iss of a service": lambda: _forge(_header(), _claims(iss="svc:permits")),
    "iss a list": lambda: _forge(_header(), _claims(iss=["cityfreight"])),
    "no aud": lambda: _forge(_header(), _claims(aud=...)),
    "other aud": lambda: _forge(_header(), _claims(aud="another")),
    "aud a number": lambda: _forge(_header(), _claims(aud=5)),
    "no sub": lambda: _forge(_header(), _claims(sub=...)),
    "no role": lambda: _forge(_header(), _claims(role=...)),
    "unknown role": lambda: _forge(_header(), _claims(role="root")),
    "role a list": lambda: _forge(_header(), _claims(role=["police"])),
    "role service": lambda: _forge(_header(), _claims(role="service")),
    "no exp": lambda: _forge(_header(), _claims(exp=...)),
    "expired": lambda: _forge(_header(), _claims(iat=int(time.time()) - 700, exp=int(time.time()) - 100)),
    "exp text": lambda: _forge(_header(), _claims(exp="9999999999")),
    "exp NaN": lambda: _forge(_header(), _claims(exp=float("nan"))),
    "exp infinite": lambda: _forge(_header(), _claims(exp=float("inf"))),
    "exp 10^400": lambda: _forge(_header(), _claims(exp=10**400)),
    "exp true": lambda: _forge(_header(), _claims(exp=True)),
    "exp null": lambda: _forge(_header(), _claims(exp=None)),
    "lives too long": lambda: _forge(_header(), _claims(exp=int(time.time()) + 3600)),
    "no iat": lambda: _forge(_header(), _claims(iat=...)),
    "iat NaN": lambda: _forge(_header(), _claims(iat=float("nan"))),
    "iat in the future": lambda: _forge(
        _header(), _claims(iat=int(time.time()) + 400, exp=int(time.time()) + 900)
    ),
    "nbf in the future": lambda: _forge(_header(), _claims(nbf=int(time.time()) + 400)),
    "nbf text": lambda: _forge(_header(), _claims(nbf="soon")),
    "enterprise no uuid": lambda: _forge(_header(), _claims(enterprise_id="x")),
    "enterprise a list": lambda: _forge(_header(), _claims(enterprise_id=["x"])),
    "claims a list": lambda: _forge(_header(), [1]),
    "claims text": lambda: _forge(_header(), "x"),
    "header a list": lambda: _forge([_header()], _claims()),
    "huge": lambda: _forge(_header(), _claims(pad="x" * 10_000)),
    "no signature": lambda: _forge(_header(), _claims()).rpartition(".")[0] + ".",
    "two parts": lambda: _forge(_header(), _claims()).rpartition(".")[0],
    "five parts": lambda: _forge(_header(), _claims()) + ".a.b",
    "JSON serialisation": lambda: json.dumps({"payload": _part(_claims()), "protected": _part(_header())}),
    "deep header": lambda: f"{_b64(b'[' * 2000)}.{_part(_claims())}.x",
    "not base64": lambda: "a.b.c",
    "empty": lambda: "",
    "dots": lambda: "..",
    "not ascii": lambda: "é.é.é",
    "service key, role of an office": lambda: _forge(
        {"alg": "Ed25519", "kid": "permits"}, _claims(iss="svc:permits"), _ed25519(make.SERVICE_KEY)
    ),
    "service key, iss of another": lambda: _forge(
        {"alg": "Ed25519", "kid": "permits"},
        _claims(iss="svc:matching", role="service"),
        _ed25519(make.SERVICE_KEY),
    ),
    "service key, our iss": lambda: _forge(
        {"alg": "Ed25519", "kid": "permits"}, _claims(), _ed25519(make.SERVICE_KEY)
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_no_forgery_is_accepted(probe: httpx.AsyncClient, name: str) -> None:
    assert await _status(probe, FORGERIES[name]()) == 401


@pytest.mark.parametrize(
    "header", ["", "Bearer", "bearer ", "Basic YTpi", "Bearer a b", "Token x", "Bearer,Bearer"]
)
async def test_other_headers_are_no_token(probe: httpx.AsyncClient, header: str) -> None:
    answer = await probe.get("/probe/scope", headers={"Authorization": header})
    assert answer.status_code == 401


async def test_each_changed_character_breaks_it(probe: httpx.AsyncClient) -> None:
    token = _forge(_header(), _claims())
    head, signature = token.rpartition(".")[0], token.rpartition(".")[2]
    for index in range(0, len(token), 7):
        swapped = "A" if token[index] != "A" else "B"
        changed = token[:index] + swapped + token[index + 1 :]
        assert await _status(probe, changed) == 401, index
    other = _forge(_header(), _claims(role="police"))
    assert await _status(probe, f"{head}.{other.rpartition('.')[2]}") == 401
    assert await _status(probe, f"{other.rpartition('.')[0]}.{signature}") == 401


async def test_wrong_role_scope_and_a_client_that_decides_are_403() -> None:
    guard = require(Role.transport_bureau, scope="admin", official=True)
    person = Principal("p", Role.transport_bureau, name="李工", scopes=frozenset({"admin"}))
    assert await guard(person) is person
    for refused in (
        Principal("p", Role.police, name="李工", scopes=frozenset({"admin"})),
        Principal("p", Role.transport_bureau, name="李工"),
        Principal("p", Role.transport_bureau, client_id="c", scopes=frozenset({"admin"})),
    ):
        with pytest.raises(Forbidden):
            await guard(refused)


class _Keys:
    """A key set whose source can be away."""

    def __init__(self) -> None:
        self.calls = 0
        self.away = False

    async def __call__(self) -> Json:
        self.calls += 1
        if self.away:
            raise Unavailable
        return make.ISSUER.jwks()


async def _nobody(_subject: str) -> bool:
    return False


def _verifier(keys: _Keys, directory: Path) -> TokenVerifier:
    path = directory / "keys.json"
    path.write_text(json.dumps({"keys": [public_part(make.SERVICE_KEY)]}))
    return TokenVerifier(keys, path, _nobody)


async def test_the_last_good_keys_are_kept(tmp_path: Path) -> None:
    keys = _Keys()
    verifier = _verifier(keys, tmp_path)
    token = _forge(_header(), _claims())
    keys.away = True
    with pytest.raises(Unavailable):
        await verifier.verify(token)
    keys.away = False
    assert (await verifier.verify(token)).role is Role.transport_bureau
    keys.away = True
    verifier._next_fetch = 0.0
    assert (await verifier.verify(token)).role is Role.transport_bureau


async def test_unknown_kids_cannot_make_it_fetch_without_end(tmp_path: Path) -> None:
    keys = _Keys()
    verifier = _verifier(keys, tmp_path)
    await verifier.verify(_forge(_header(), _claims()))
    for number in range(50):
        with pytest.raises(Unauthorized):
            await verifier.verify(_forge(_header(kid=f"k{number}"), _claims(), _ed25519(ROGUE)))
    assert keys.calls <= 2


async def test_a_disabled_subject_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')

    async def revoked(subject: str) -> bool:
        return subject == "gone"

    verifier = TokenVerifier(_Keys(), path, revoked)
    assert (await verifier.verify(_forge(_header(), _claims(sub="here")))).subject == "here"
    with pytest.raises(Unauthorized):
        await verifier.verify(_forge(_header(), _claims(sub="gone")))


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: f"{_b64(raw)}.e30.AA"))
async def test_any_text_is_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, token: str
) -> None:
    verifier = _verifier(_Keys(), tmp_path_factory.getbasetemp())
    with pytest.raises(ServiceError) as refused:
        await verifier.verify(token)
    assert refused.value.status == 401


async def test_a_verified_token_ends_when_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = _verifier(_Keys(), tmp_path)
    claims = _claims()
    token = _forge(_header(), claims)
    now = time.time()
    for later, accepted in ((0, True), (LIFETIME_S + 50, True), (LIFETIME_S + 70, False), (0, True)):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        if accepted:
            assert (await verifier.verify(token)).subject == claims["sub"]
        else:
            with pytest.raises(Unauthorized):
                await verifier.verify(token)


async def test_a_verified_token_ends_with_its_key(tmp_path: Path) -> None:
    keys = _Keys()
    verifier = _verifier(keys, tmp_path)
    token = _forge(_header(), _claims())
    for _ in range(2):
        assert (await verifier.verify(token)).role is Role.transport_bureau
    replaced = {"keys": [public_part({**ROGUE, "kid": KID})]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make.ISSUER, "jwks", lambda: replaced)
        verifier._next_fetch = 0.0
        with pytest.raises(Unauthorized):
            await verifier.verify(token)


async def test_a_verified_token_ends_when_its_subject_is_disabled(tmp_path: Path) -> None:
    disabled: set[str] = set()

    async def revoked(subject: str) -> bool:
        return subject in disabled

    path = tmp_path / "keys.json"
    path.write_text('{"keys": []}')
    verifier = TokenVerifier(_Keys(), path, revoked)
    claims = _claims()
    token = _forge(_header(), claims)
    await verifier.verify(token)
    disabled.add(claims["sub"])
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_a_signature_is_checked_once_and_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier = _verifier(_Keys(), tmp_path)
    tokens = [_forge(_header(), _claims()) for _ in range(3)]
    monkeypatch.setattr("services.shared.auth.verified._MOST", 2)
    for token in tokens:
        await verifier.verify(token)
    checked: list[str] = []
    check = verifier._check

    def counted(token: str, kid: str, key: OKPKey) -> Principal:
        checked.append(token)
        return check(token, kid, key)

    monkeypatch.setattr(verifier, "_check", counted)
    for token in (tokens[2], tokens[1], tokens[0]):
        await verifier.verify(token)
    assert checked == [tokens[0]]
