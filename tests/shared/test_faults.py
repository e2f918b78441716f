"""What the database says decides between "come again" and a fault of ours."""

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.shared.faults import is_away

COME_AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.ConnectionDoesNotExistError,
)
OURS = (asyncpg.UniqueViolationError, asyncpg.UndefinedTableError, asyncpg.CharacterNotInRepertoireError)


@pytest.mark.parametrize(
    ("kind", "away"), [*((each, True) for each in COME_AGAIN), *((each, False) for each in OURS)]
)
def test_states_by_the_appendix_of_error_codes(kind: type[asyncpg.PostgresError], *, away: bool) -> None:
    error = kind("x")
    assert is_away(error) is away
    wrapped = DBAPIError("SELECT 1", {}, error)
    assert is_away(wrapped) is away


@pytest.mark.parametrize("error", [ConnectionResetError(), PoolTimeout(), asyncpg.InterfaceError("closed")])
def test_a_connection_that_is_gone_is_away(error: Exception) -> None:
    assert is_away(error)


def test_what_is_no_database_error_is_ours() -> None:
    assert not is_away(TypeError())
