"""`/v1/checks`: may this plate be here, now or then?"""

from fastapi import Request, Response

from services.permits.api.callers import Party
from services.permits.operations.checks import CheckDesk, encode
from services.permits.schemas.checks import CheckIn, CheckOut
from services.shared.clock import Now
from services.shared.routes import Router

router = Router(prefix="/v1/checks", tags=["checks"])


@router.post("", response_model=CheckOut, summary="通行核验 / May this plate be here?")
async def check(who: Party, request: Request, body: CheckIn, now: Now) -> Response:
    """Answer for one plate, place and instant; every answer is on record before it leaves.

    Police and bureaus ask about any plate, an enterprise about its own vehicles only.
    """
    desk: CheckDesk = request.app.state.check_desk
    answer = await desk.answer(who, body, now, request.state.request_id)
    return Response(encode(answer), media_type="application/json")
