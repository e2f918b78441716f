"""Retention as a process to be killed: says that it has begun, drops what is due, says that it is done."""

import asyncio
import os
import sys

from services.shared.clock import utc_now
from services.shared.db import Database
from services.telemetry.domain.retention import RetentionRules
from services.telemetry.operations.retention import Step, retain_some


async def main(url: str) -> None:
    """Run until nothing is due."""
    database = Database(url)
    os.write(1, b"begun\n")
    while await retain_some(database, RetentionRules(), utc_now()) is not Step.NOTHING:
        pass
    os.write(1, b"done\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
