"""The process `broker-agent`: alone writes the broker's password and ACL files, and signals it, also to save.

It stands beside the broker, shares its files and its process namespace, and needs no way into it. Files are
replaced by renaming, so the broker never reads half of one; it is signalled at most once a second, however
many change.
"""

import asyncio
import contextlib
import os
import signal
from functools import partial
from pathlib import Path

import asyncpg

from services.shared.db import Database
from services.shared.errors import Unavailable
from services.shared.logs import get_log
from services.shared.process import run
from services.telemetry.consumers.broker_saving import save_paced, signal_broker
from services.telemetry.domain.broker_files import acl_text
from services.telemetry.operations.broker import is_behind, load_credentials
from services.telemetry.settings import BrokerAgentSettings

POLL_S = 0.1
FAILURE_S = 1.0
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, ValueError)

log = get_log(__name__)


class BrokerAgent:
    """Keeps the broker's files equal to the terminal table."""

    def __init__(self, settings: BrokerAgentSettings) -> None:
        self._settings = settings
        self._lines = settings.broker_passwords.get_secret_value().split()
        self.is_current = False

    async def run(self, stop: asyncio.Event) -> None:
        """Write everything once, then whenever a credential has changed, until ``stop``."""
        database = Database(self._settings.database_url.get_secret_value(), application="broker-agent")
        connection: asyncpg.Connection[asyncpg.Record] | None = None
        while not stop.is_set():
            pause = POLL_S
            try:
                connection = connection or await database.connect()
                if not self.is_current or await is_behind(connection):
                    changed = await load_credentials(connection, self._lines, self._install)
                    log.info("credentials_loaded", changed=changed)
                    self.is_current, pause = True, self._settings.reload_period_s
            except ERRORS as error:
                log.warning("credentials_not_loaded", error=type(error).__name__)
                if connection is not None:
                    connection.terminate()
                connection, self.is_current, pause = None, False, FAILURE_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        if connection is not None:
            connection.terminate()
        await database.close()

    async def ready(self) -> None:
        """Check that the files are written.

        Raises:
            Unavailable: not yet.
        """
        if not self.is_current:
            raise Unavailable("the broker's files are not current")

    def _install(self, passwords: str) -> None:
        acl = acl_text()
        if not _holds(self._settings.broker_acl_file, acl):
            replace_private(self._settings.broker_acl_file, acl)
        replace_private(self._settings.broker_password_file, passwords)
        # A broker that is not running reads the files when it starts.
        signal_broker(self._settings.broker_pid_file, signal.SIGHUP)


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def replace_private(path: Path, text: str) -> None:
    """Replace a file by one only its owner reads; a root writer gives it to the owner of the directory."""
    fresh = path.with_name(f".{path.name}.fresh")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as sink:
        if os.geteuid() == 0:
            place = path.parent.stat()
            os.fchown(sink.fileno(), place.st_uid, place.st_gid)
        sink.write(text)
    fresh.replace(path)


def main() -> None:
    """Run the process."""
    settings = BrokerAgentSettings()
    agent = BrokerAgent(settings)
    run("broker-agent", settings, agent.run, partial(save_paced, settings), ready=agent.ready)


if __name__ == "__main__":
    main()
