"""Finding people by an exact value: by whom, by what and for what is on record of everyone found."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.people import check_values
from services.registry.operations.drivers import raise_faults
from services.registry.operations.readers import check_reader
from services.registry.queries.drivers import find_drivers, show_drivers
from services.registry.schemas.drivers import DriverOut, DriverSearch
from services.shared.audit import AccessLog, Reading
from services.shared.auth import Principal
from services.shared.personal import Vault
from services.shared.standards.zones import city_day


async def search_drivers(
    session: AsyncSession,
    vault: Vault,
    log: AccessLog,
    who: Principal,
    given: DriverSearch,
    now: datetime,
    request_id: str,
) -> list[DriverOut]:
    """Return the employments of whoever has this identity or mobile number, as far as the caller may see.

    That each was found, and by what, is on record already.

    Raises:
        Forbidden: An office without the scope `personal_data`.
        Unprocessable: No such number can be, or an office gives no purpose.
    """
    check_reader(who, given.purpose, "body.purpose")
    checked = check_values(given.sought(), city_day(now))
    raise_faults(checked.faults)
    found = set[UUID]()
    for field, value in checked.values.items():
        found.update(await vault.find(session, field, str(value)))
    drivers = await find_drivers(session, who, found)
    fields = tuple(f"found_by_{field}" for field in checked.values)
    for each in drivers:
        read = Reading("driver", each.id, each.enterprise_id, fields, given.purpose)
        await log.record(who, read, now, request_id)
    return await show_drivers(session, vault, drivers, now)
