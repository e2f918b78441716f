"""The broker's password and ACL files (Mosquitto 2, `password_file` and `acl_file`).

A terminal's secret has 256 random bits, so stretching adds nothing: nobody can search 2**256 secrets,
however cheap one try is. The iteration count is therefore low, which keeps the broker's single thread free
when ten thousand terminals reconnect at once. Only such generated secrets may go through `password_line`.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

from services.telemetry.domain.topics import BRIDGE_FILTER, INGEST_USER_PREFIX, SHARDS

ITERATIONS = 10
SALT_BYTES = 12


def new_secret() -> str:
    """Give a new secret of 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def verifier(secret: str) -> str:
    """Give what the broker stores of a secret: `$7$<iterations>$<salt>$<PBKDF2-HMAC-SHA512>`."""
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${b64encode(salt).decode()}${b64encode(digest).decode()}"


def new_code() -> str:
    """Give a new authentication code of a JT/T 808 terminal: 128 random bits in 22 characters.

    Many devices keep no more than 32.
    """
    return secrets.token_urlsafe(16)


def is_secret(secret: str, verifier_text: str) -> bool:
    """Whether a secret is the one a verifier was made of; takes the same time either way."""
    _, _, iterations, salt, digest = verifier_text.split("$")
    found = hashlib.pbkdf2_hmac("sha512", secret.encode("utf-8", "replace"), b64decode(salt), int(iterations))
    return hmac.compare_digest(found, b64decode(digest))


def password_line(user: str, password: str) -> str:
    """Give one line of the password file, without its line end, for a generated password."""
    return f"{user}:{verifier(password)}"


def platform_password_lines(password: str, shards: str = SHARDS) -> list[str]:
    """Give the lines of the platform's own users, one ingest session per shard under one password."""
    return [password_line(f"{INGEST_USER_PREFIX}{shard}", password) for shard in shards]


def password_text(platform_lines: Iterable[str], terminals: Iterable[tuple[str, str]]) -> str:
    """Give the whole password file: the platform's lines, then (number, verifier) of each terminal."""
    lines = [*platform_lines, *(f"{number}:{hashed}" for number, hashed in terminals)]
    return "".join(f"{line}\n" for line in lines)


def acl_text(shards: str = SHARDS) -> str:
    """Give the whole ACL file.

    A session reads the positions of its shard and writes receipts and commands of its shard; that of the
    first shard also reads what bridges pass on. A terminal, whose client id is its user name, writes its own
    positions and reads its own receipts and commands, and writes below its own number what it passes on of
    others, which ingest takes of bridges alone; `%u` is its user name. Nothing else is allowed, `$SYS`
    included.
    """
    lines: list[str] = []
    for shard in shards:
        lines += [
            f"user {INGEST_USER_PREFIX}{shard}",
            f"topic read v1/{shard}/+/positions",
            f"topic write v1/{shard}/+/receipts",
            f"topic write v1/{shard}/+/commands",
            *([f"topic read {BRIDGE_FILTER}"] if shard == SHARDS[0] else []),
            "",
        ]
    lines += [
        "pattern write v1/+/%u/positions",
        "pattern write jt808/%u/+/up",
        "pattern read v1/+/%u/receipts",
        "pattern read v1/+/%u/commands",
    ]
    return "\n".join(lines) + "\n"
