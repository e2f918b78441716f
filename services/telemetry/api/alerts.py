"""`/v1/alerts` 报警 and their acknowledgement."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query

from services.shared.auth import Principal, Role, require
from services.shared.auth.principal import BUREAUS
from services.shared.clock import Now
from services.shared.paging import Cursor, Limit, Page
from services.shared.routes import Router, problems
from services.shared.schemas import Instant
from services.shared.sessions import ReadTx, WriteTx
from services.telemetry.api.reading import Fleet, Stated
from services.telemetry.operations import positions
from services.telemetry.operations.alerts import acknowledge_alert
from services.telemetry.queries.alerts import AlertFilter
from services.telemetry.schemas.alerts import AcknowledgementCreate, AlertKind, AlertOut, Severity

router = Router(tags=["alerts"])

Keeper = Annotated[Principal, Depends(require(Role.enterprise, Role.police, *BUREAUS))]
"""A firm, about its own, or an office or police."""


AlertId = Annotated[UUID, Path(description="The alert.")]


async def _only(
    vehicle_id: Annotated[UUID | None, Query(description="Of this vehicle.")] = None,
    enterprise_id: Fleet = None,
    kind: Annotated[AlertKind | None, Query(description="Of this kind.")] = None,
    severity: Annotated[Severity | None, Query(description="Of this severity.")] = None,
    rule_id: Annotated[UUID | None, Query(description="Raised by this rule.")] = None,
    acknowledged: Annotated[bool | None, Query(description="Only those taken note of, or not.")] = None,
    start: Annotated[Instant | None, Query(alias="from", description="Not over before then.")] = None,
    end: Annotated[Instant | None, Query(alias="to", description="Begun before.")] = None,
    include_retracted: Annotated[bool, Query(description="Those too that a correction withdrew.")] = False,
) -> AlertFilter:
    return AlertFilter(
        vehicle_id, enterprise_id, kind, severity, rule_id, acknowledged, start, end, include_retracted
    )


@router.get("/v1/alerts", summary="报警列表 / List alerts")
async def list_alerts(
    asked: Stated,
    only: Annotated[AlertFilter, Depends(_only)],
    session: ReadTx,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AlertOut]:
    """Page over alerts by start; the window is touched by the alert.

    Offices and police state a purpose, and what they read is on record.
    """
    alerts, next_cursor = await positions.read_alerts(session, asked, only, cursor, limit)
    return Page(items=[AlertOut.model_validate(alert) for alert in alerts], next_cursor=next_cursor)


@router.get("/v1/alerts/{alert_id}", summary="报警信息 / Read an alert")
async def read_alert(alert_id: AlertId, asked: Stated, session: ReadTx) -> AlertOut:
    """Give one alert, a retracted one too; on record where an office or police read it."""
    return AlertOut.model_validate(await positions.read_alert(session, asked, alert_id))


@router.post(
    "/v1/alerts/{alert_id}/acknowledgement",
    summary="确认报警 / Take note of an alert",
    responses=problems(409),
)
async def acknowledge(
    alert_id: AlertId, body: AcknowledgementCreate, who: Keeper, session: WriteTx, now: Now
) -> AlertOut:
    """Take note of an alert, once and for everybody who sees it; they are shown who did, and the note.

    It survives whatever late fixes make of the alert.
    """
    return AlertOut.model_validate(await acknowledge_alert(session, who, alert_id, body.note, now))
