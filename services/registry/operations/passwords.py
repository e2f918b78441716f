"""Passwords: argon2id with the library's defaults (RFC 9106, low memory), at most two at work at once.

One verification costs about 0.1 s of a core and 64 MiB; without a cap a burst of sign-ins would
take the machine.
"""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.registry.domain.secrets import new_secret
from services.shared.errors import TooManyRequests

_AT_WORK: Final = 2
_WAITING: Final = 30


def hash_password(password: str) -> str:
    """Return the stored form of a password; blocks for about 0.1 s."""
    return PasswordHasher().hash(password)


class Passwords:
    """Hashes and verifies beside the event loop, two at a time, thirty waiting."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(_AT_WORK)
        self._present = 0
        self._nobody = self._hasher.hash(new_secret())

    async def hash(self, password: str) -> str:
        """Return the stored form of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether the password is right; for an unknown account (None) it takes as long to say no.

        Raises:
            TooManyRequests: Too many are waiting.
        """
        if self._present >= _AT_WORK + _WAITING:
            raise TooManyRequests(headers={"Retry-After": "2"})
        self._present += 1
        try:
            async with self._turn:
                right = await asyncio.to_thread(self._check, stored or self._nobody, password)
        finally:
            self._present -= 1
        return right and stored is not None

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
