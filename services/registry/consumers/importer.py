"""`python -m services.registry.consumers.importer <id>`: works on one import and ends.

A process of its own, started by the worker: a file that eats memory or time ends this process and nothing
else. Whatever instant it is killed at, a check begins again and an application has done nothing.
"""

import asyncio
import resource
import sys
from pathlib import Path
from uuid import UUID

from services.registry.operations.imports.working import work_on_import
from services.registry.operations.personal import open_vault
from services.registry.queries.imports import IMPORTER_LOCK
from services.registry.settings import RegistrySettings
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import configure_logs, get_log


def limit_process(memory_bytes: int, cpu_seconds: int) -> None:
    """Hold this process to so much more memory and time than it has taken.

    More memory fails as `MemoryError`, more time ends the process.
    """
    held = next(
        int(line.split()[1]) * 1024
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("VmData:")
    )
    resource.setrlimit(resource.RLIMIT_DATA, (held + memory_bytes, held + memory_bytes))
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + cpu_seconds, used + cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def run_importer(settings: RegistrySettings, import_id: UUID) -> None:
    """Work on one import, unless another process works on one: one in the whole city does at a time."""
    database = Database(
        settings.database_url.get_secret_value(), pool_size=4, application="registry-importer"
    )
    try:
        # The lock is the connection's and is let go when this process ends, however it ends.
        holder = await database.connect()
        if await holder.fetchval(IMPORTER_LOCK):
            limit_process(settings.importer_memory_mb * 2**20, settings.importer_cpu_seconds)
            await work_on_import(database, open_vault(settings), import_id, utc_now())
        await holder.close()
    finally:
        await database.close()


def main() -> None:
    """Run once."""
    configure_logs("registry-importer")
    import_id = UUID(sys.argv[1])
    get_log("importer").info("import_begun", import_id=str(import_id))
    asyncio.run(run_importer(RegistrySettings(), import_id))
    get_log("importer").info("import_halted", import_id=str(import_id))


if __name__ == "__main__":
    main()
