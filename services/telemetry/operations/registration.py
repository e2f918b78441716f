"""Who may speak as a JT/T 808 terminal: registering a device and checking its authentication code.

Plate and phone number are no secrets, so a registration gives a code out only for a device whose id was
entered at provisioning, within a week of it or of a rotation, and only until the device has used its code;
after five wrong ids the window closes. The code is new each time, for only verifiers are kept, and works
beside the one that provisioning showed.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

from services.shared.standards.plates import normalise_plate
from services.telemetry.domain.broker_files import is_secret, new_code, verifier
from services.telemetry.domain.jt808 import answers
from services.telemetry.domain.jt808.bodies import Authentication, Registration, Version, read_body
from services.telemetry.domain.jt808.frames import Frame, terminal_number
from services.telemetry.queries.listening import Connection, find_listed_terminal, find_plate

FAILURES_ALLOWED: Final = 5
_NOBODY: Final = verifier("nobody's")
"""Checked where there is no terminal, so that both refusals take the same time."""
_ISSUE = """
    UPDATE telemetry.terminals SET issued_verifier = $2, registered_at = $3, registration_failures = 0
    WHERE id = $1
"""
_COUNT_FAILURE = """
    UPDATE telemetry.terminals SET registration_failures = registration_failures + 1,
        registrable_until = CASE WHEN registration_failures + 1 < $2 THEN registrable_until END
    WHERE id = $1
"""
_CLOSE = "UPDATE telemetry.terminals SET registrable_until = NULL WHERE id = $1"


class Admitted(NamedTuple):
    """A terminal that has shown its code."""

    key: int
    number: str
    generation: int
    version: Version | None


class Registered(NamedTuple):
    """What a registration is answered with."""

    result: int
    code: str = ""


async def register_terminal(connection: Connection, frame: Frame, now: datetime) -> Registered | None:
    """Register a device and commit; whoever does not know its id learns nothing else.

    None when the message cannot be read.
    """
    async with connection.transaction():
        terminal = await find_listed_terminal(connection, terminal_number(frame), for_update=True)
        shown = read_body(frame, _version(terminal))
        if not isinstance(shown, Registration):
            return None
        if terminal is None or terminal["device_id"] is None:
            return Registered(answers.NO_TERMINAL)
        if terminal["device_id"] != shown.terminal_id:
            await connection.execute(_COUNT_FAILURE, terminal["id"], FAILURES_ALLOWED)
            return Registered(answers.NO_TERMINAL)
        if terminal["registrable_until"] is None or terminal["registrable_until"] <= now:
            return Registered(answers.TERMINAL_TAKEN)
        if shown.plate_color and not await _is_fitted(connection, terminal["id"], shown.plate_no, now):
            return Registered(answers.NO_VEHICLE)
        code = new_code()
        await connection.execute(_ISSUE, terminal["id"], verifier(code), now)
        return Registered(answers.REGISTERED, code)


async def admit_terminal(connection: Connection, frame: Frame) -> Admitted | None:
    """Check a terminal's code against the provisioned one and the one given out; None refuses it.

    A device that has used a code needs no registration any more.
    """
    terminal = await find_listed_terminal(connection, terminal_number(frame))
    shown = read_body(frame, _version(terminal))
    code = shown.auth_code if isinstance(shown, Authentication) else ""
    known = [_NOBODY] if terminal is None else [terminal["secret_verifier"], terminal["issued_verifier"]]
    is_known = [is_secret(code, each) for each in known if each is not None]
    if terminal is None or not any(is_known):
        return None
    if terminal["registrable_until"] is not None:
        await connection.execute(_CLOSE, terminal["id"])
    return _admitted(terminal)


def _version(terminal: Any) -> Version | None:
    found: Version | None = None if terminal is None else terminal["protocol_version"]
    return found


def _admitted(terminal: Any) -> Admitted:
    return Admitted(
        terminal["terminal_key"],
        terminal["terminal_number"],
        terminal["generation"],
        terminal["protocol_version"],
    )


async def _is_fitted(connection: Connection, terminal_id: object, plate: str, now: datetime) -> bool:
    """Whether the plate is that of the vehicle the terminal is fitted to, if it is fitted to one."""
    fitted = await find_plate(connection, terminal_id, now)
    return fitted is None or normalise_plate(plate) == fitted
