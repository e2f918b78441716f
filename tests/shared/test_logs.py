"""Logs name what failed and where, never a value that was on its way."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.shared.db import Database
from services.shared.logs import configure_logs, get_log

SECRET = "13900001234"


@pytest.fixture
def _log_stream() -> Iterator[None]:
    yield
    configure_logs("tests")  # the stream of the test is gone


@pytest.mark.usefixtures("_log_stream")
async def test_a_database_error_is_logged_without_its_values(
    database_urls: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(database_urls["registry_worker"])
    configure_logs("test")
    try:
        async with database.transaction() as session:
            await session.execute(text("SELECT CAST(:value AS uuid)"), {"value": SECRET})
    except DBAPIError:
        get_log("test").exception("request_failed", request_id="r-1")
    finally:
        await database.close()
    line = capsys.readouterr().err
    assert SECRET not in line
    event = json.loads(line)
    assert event["event"] == "request_failed"
    assert any("DBAPIError" in error["type"] or "Error" in error["type"] for error in event["error"])
    assert any("test_logs.py" in frame for error in event["error"] for frame in error["frames"])


@pytest.mark.usefixtures("_log_stream")
def test_the_text_of_an_exception_stays_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("test")
    try:
        int(SECRET + "x")
    except ValueError:
        get_log("test").exception("failed")
    line = capsys.readouterr().err
    assert SECRET not in line
    assert json.loads(line)["error"][0]["type"] == "builtins.ValueError"
