"""`/v1/terminal-health` and `/v1/terminal-online-rates`."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query, Request

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.errors import FieldError
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router
from services.shared.sessions import ReadTx
from services.telemetry.api.reading import Fleet
from services.telemetry.domain.health import HealthLimits
from services.telemetry.errors import BandUnknown
from services.telemetry.queries.health import HealthFilter, page_health, page_online_rates
from services.telemetry.schemas.health import (
    Fault,
    OnlineRateOut,
    ReportingKind,
    SilenceBandOut,
    TerminalHealthOut,
)

router = Router(tags=["terminals"])

Owner = Annotated[Principal, Depends(require(Role.enterprise, *BUREAUS))]
Kind = Annotated[
    ReportingKind | None, Query(description="Kind of terminal; a bridge reports nothing of itself.")
]


async def _limits(request: Request) -> HealthLimits:
    found: HealthLimits = request.app.state.health_limits
    return found


Limits = Annotated[HealthLimits, Depends(_limits)]


async def _band(
    limits: Limits,
    band: Annotated[
        str | None,
        Query(
            description="Band of silence, as the city profile has them (`/v1/terminal-online-rates` lists"
            " them); `longer`, `never` heard.",
            examples=["online"],
        ),
    ] = None,
) -> str | None:
    if band is not None and band not in limits.codes:
        message = f"须为其中之一 / must be one of {', '.join(limits.codes)}"
        raise BandUnknown(errors=[FieldError("query.band", "unknown", message)])
    return band


@router.get("/v1/terminal-health", summary="终端健康状况 / Health of terminals")
async def list_terminal_health(
    who: Owner,
    session: ReadTx,
    limits: Limits,
    now: Now,
    band: Annotated[str | None, Depends(_band)],
    enterprise_id: Fleet = None,
    kind: Kind = None,
    terminal_number: Annotated[
        str | None, Query(max_length=32, pattern=r"^[A-Za-z0-9_-]+$", description="This terminal.")
    ] = None,
    fault: Annotated[Fault | None, Query(description="Only terminals with this fault.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[TerminalHealthOut]:
    """Page over the caller's terminals in use: silence, clock, jumps, quarantine, restarts."""
    wanted = HealthFilter(enterprise_id, kind, terminal_number, band, fault)
    rows, next_cursor = await page_health(session, who, limits, now, wanted, cursor, limit)
    return Page(items=[_health(row) for row in rows], next_cursor=next_cursor)


@router.get("/v1/terminal-online-rates", summary="终端在线率 / Online rates of terminals")
async def list_online_rates(
    who: Owner,
    session: ReadTx,
    limits: Limits,
    now: Now,
    enterprise_id: Fleet = None,
    kind: Kind = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[OnlineRateOut]:
    """Page over the online rate and the counts by silence, per enterprise and kind of terminal."""
    wanted = HealthFilter(enterprise_id, kind)
    rows, next_cursor = await page_online_rates(session, who, limits, now, wanted, cursor, limit)
    return Page(items=[_rate(row, limits) for row in rows], next_cursor=next_cursor)


def _health(row: Mapping[str, Any]) -> TerminalHealthOut:
    offset, drift = row["clock_offset_ms"], row["clock_drift_ms_per_day"]
    return TerminalHealthOut.model_validate(
        {
            **row,
            "terminal_id": row["id"],
            "provisioned_at": row["created_at"],
            "clock_offset_s": None if offset is None else offset / 1000,
            "clock_drift_s_per_day": None if drift is None else drift / 1000,
            **{
                f"{name}_today": row[name]
                for name in ("steps", "jumps", "restarts", "received", "quarantined")
            },
        }
    )


def _rate(row: Mapping[str, Any], limits: HealthLimits) -> OnlineRateOut:
    found: dict[str, int] = row["bands"]
    up_to = {band.code: band.minutes for band in limits.bands}
    online = found.get(limits.bands[0].code, 0)
    return OnlineRateOut(
        enterprise_id=row["enterprise_id"],
        enterprise_name=row["name"],
        kind=row["kind"],
        terminals=row["terminals"],
        online=online,
        online_rate=online / row["terminals"],
        faulty=row["faulty"],
        bands=[
            SilenceBandOut(band=code, up_to_minutes=up_to.get(code), terminals=found.get(code, 0))
            for code in limits.codes
        ],
    )
