"""`python -m services.registry.consumers.first_admin`: makes the account `admin` once, then does nothing."""

import asyncio

from services.registry.operations.principals import ensure_first_admin
from services.registry.settings import FirstAdminSettings
from services.shared.clock import utc_now
from services.shared.db import Database
from services.shared.logs import configure_logs, get_log


async def create_first_admin(settings: FirstAdminSettings) -> bool:
    """Make the account if it is not there; tell whether it was made."""
    database = Database(settings.database_url.get_secret_value(), application="registry-first-admin")
    try:
        async with database.transaction() as session:
            password = settings.admin_password.get_secret_value()
            return await ensure_first_admin(session, password, utc_now())
    finally:
        await database.close()


def main() -> None:
    """Run once."""
    configure_logs("registry-first-admin")
    made = asyncio.run(create_first_admin(FirstAdminSettings()))
    get_log("first_admin").info("first_admin", made=made)


if __name__ == "__main__":
    main()
