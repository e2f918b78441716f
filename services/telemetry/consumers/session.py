"""One JT/T 808 connection: frames in, who it is, answers out (docs/terminals.md).

Nothing is taken before a terminal has shown its code, and then only in its own name. Frames are handled one
after the other; while a registration or a code is being checked, or too much is unanswered, the rest waits
in the socket, so a connection holds one read's bytes and `WINDOW` messages at most.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final
from uuid import UUID

from prometheus_client import Counter

from services.shared.clock import utc_now
from services.telemetry.consumers.hub import Hub
from services.telemetry.consumers.reports import ERRORS, Submission
from services.telemetry.domain.jt808 import answers, bodies
from services.telemetry.domain.jt808.bodies import Answer, Version, read_body
from services.telemetry.domain.jt808.frames import Frame, Malformed, read_frame, terminal_number
from services.telemetry.domain.jt808.framing import Framer
from services.telemetry.domain.jt808.judging import judge_message
from services.telemetry.domain.jt808.packages import Assembler, Missing, join
from services.telemetry.operations.registration import Admitted

WINDOW: Final = 32
REFUSALS_ALLOWED: Final = 5
SERIALS: Final = 1 << 16
_KEPT: Final = frozenset({bodies.REPORT, bodies.REPORT_ANSWER, bodies.BATCH})

FRAMES = Counter("telemetry_jt808_frames_total", "Frames received", ["outcome"])


class Session(asyncio.BufferedProtocol):
    """Protocol state of one connection."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._framer = Framer()
        self._frames: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None
        self._checking: asyncio.Task[None] | None = None
        self._assembler: Assembler | None = None
        self._peer: Frame | None = None
        self._unanswered = self._refusals = self._serial = 0
        self._is_reading = True
        self.admitted: Admitted | None = None
        self.opened = self.last_seen = hub.now()
        self.commands: dict[int, UUID] = {}
        """Commands sent over this connection, by serial."""

    # -- asyncio callbacks
    # -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the others."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio promises it for TCP
        self._transport = transport
        self._hub.open(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the protocol's signature
        """Leave; what was submitted is stored all the same."""
        self._transport = None
        self._frames.clear()
        if self._checking is not None:
            self._checking.cancel()
        self._drop_packages()
        self._hub.forget(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the protocol's signature
        """Give the buffer all connections share: it is emptied before another one reads."""
        return self._hub.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what one read has brought."""
        self.last_seen = self._hub.now()
        self._frames.extend(self._framer.feed(bytes(self._hub.buffer[:nbytes])))
        self.go_on()

    def pause_writing(self) -> None:
        """A terminal that reads no answers is cut off."""
        self.close()

    # -- flow
    # --------------------------------------------------------------------------------------------------

    def go_on(self) -> None:
        """Handle frames while nothing holds them up; read on only when none is left."""
        frames = self._frames
        while frames and self._checking is None and self._transport is not None:
            if self._unanswered >= WINDOW or not self._hub.intake.has_room(self):
                break
            self._handle(frames.popleft())
        if self._transport is None:
            return
        if self._is_reading != (is_free := not frames and self._checking is None):
            self._is_reading = is_free
            if is_free:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def close(self) -> None:
        """End the connection at once; unsent answers are lost, and their messages will be repeated."""
        if self._transport is not None:
            self._transport.abort()

    def send(self, msg_id: int, body: bytes, to: Frame | None = None) -> int:
        """Send a message to the terminal, or to who sent ``to``; give its serial."""
        self._serial = (self._serial + 1) % SERIALS
        peer = to or self._peer
        if self._transport is not None and peer is not None:
            self._transport.write(answers.address(peer, msg_id, self._serial, body))
        return self._serial

    @property
    def version(self) -> Version:
        """What the terminal speaks: as provisioned, else as its last header says."""
        if self.admitted is not None and self.admitted.version is not None:
            return self.admitted.version
        return 2019 if self._peer is not None and self._peer.is_2019 else 2013

    # -- frames
    # ------------------------------------------------------------------------------------------------

    def _handle(self, escaped: bytes) -> None:
        frame = read_frame(escaped)
        if isinstance(frame, Malformed):
            FRAMES.labels(frame.reason).inc()
            return
        FRAMES.labels("good").inc()
        if frame.msg_id in {bodies.REGISTRATION, bodies.AUTHENTICATION}:
            self._checking = asyncio.create_task(self._check(frame))
            self._checking.add_done_callback(self._checked)
        elif self.admitted is None or terminal_number(frame) != self.admitted.number:
            self._refuse(frame)
        else:
            self._peer = frame
            if frame.is_encrypted:
                self._answer(frame, answers.UNSUPPORTED)
            elif frame.total:
                self._take_package(frame, self.admitted)
            else:
                self._take(frame, (frame.serial,), self.admitted)

    def _take(self, frame: Frame, serials: tuple[int, ...], admitted: Admitted) -> None:
        if frame.msg_id in _KEPT:
            self._unanswered += 1
            reports = judge_message(frame.msg_id, frame.body, int(utc_now().timestamp() * 1000))
            self._hub.intake.submit(
                Submission(self, admitted.key, admitted.number, frame.msg_id, serials, reports)
            )
        elif frame.msg_id == bodies.HEARTBEAT:
            self._answer(frame, answers.DONE)
        elif frame.msg_id == bodies.TIME_QUERY:
            self.send(answers.SERVER_TIME, answers.server_time(utc_now()))
        elif frame.msg_id == bodies.ANSWER:
            self._take_answer(frame, admitted)
        elif frame.msg_id == bodies.LOGOUT:
            self._answer(frame, answers.DONE)
            if self._transport is not None:
                self._transport.close()
        else:
            for serial in serials:
                self._answer(frame._replace(serial=serial), answers.UNSUPPORTED)

    def _take_package(self, frame: Frame, admitted: Admitted) -> None:
        """Take a package; none is answered before the whole message is finished with."""
        if frame.msg_id not in _KEPT:
            self._answer(frame, answers.UNSUPPORTED)
            return
        assembler = self._assembler = self._assembler or Assembler()
        before = assembler.size
        added = assembler.add(frame, self._hub.now())
        if isinstance(added, Malformed):
            self._answer(frame, answers.WRONG)
        elif isinstance(added, Missing):
            self._ask_for(added)
        elif added is not None:
            self._take(join(added), tuple(each.serial for each in added), admitted)
        if not self._hub.hold_packages(assembler.size - before):
            self._drop_packages()

    def ask_for_packages(self) -> None:
        """Ask again for packages that have not come."""
        if self._assembler is not None:
            before = self._assembler.size
            for missing in self._assembler.overdue(self._hub.now()):
                self._ask_for(missing)
            self._hub.hold_packages(self._assembler.size - before)

    def _ask_for(self, missing: Missing) -> None:
        body = answers.resend_request(missing.first_serial, missing.indexes, self.version)
        self.send(answers.RESEND, body)

    def _drop_packages(self) -> None:
        if self._assembler is not None:
            self._hub.hold_packages(-self._assembler.size)
            self._assembler = None

    def _take_answer(self, frame: Frame, admitted: Admitted) -> None:
        answer = read_body(frame)
        if isinstance(answer, Answer):
            command = self.commands.pop(answer.reply_serial, None)
            if command is not None:
                self._hub.answer_command(command, answer.result, admitted.key)

    # -- answers
    # -----------------------------------------------------------------------------------------------

    def answer_finished(self, submissions: list[Submission]) -> None:
        """Answer messages whose reports are committed."""
        self._unanswered -= len(submissions)
        if self._transport is None or self._peer is None:
            return
        out: list[bytes] = []
        for submission in submissions:
            for serial in submission.serials:
                self._serial = (self._serial + 1) % SERIALS
                body = answers.general_answer(serial, submission.msg_id, answers.DONE)
                out.append(answers.address(self._peer, answers.GENERAL_ANSWER, self._serial, body))
        self._transport.write(b"".join(out))
        self.go_on()

    def _answer(self, frame: Frame, result: int) -> None:
        body = answers.general_answer(frame.serial, frame.msg_id, result)
        self.send(answers.GENERAL_ANSWER, body, frame)

    def _refuse(self, frame: Frame) -> None:
        """Refuse what comes from a stranger, or in another's name; after a few the connection ends."""
        self._answer(frame, answers.FAILED)
        self._count_refusal()

    def _count_refusal(self) -> None:
        FRAMES.labels("refused").inc()
        self._refusals += 1
        if self._refusals >= REFUSALS_ALLOWED and self._transport is not None:
            self._transport.close()

    # -- admission
    # ---------------------------------------------------------------------------------------------

    async def _check(self, frame: Frame) -> None:
        """Register a device, or let a terminal in; unanswered while the database is away."""
        with contextlib.suppress(*ERRORS):
            if frame.msg_id == bodies.AUTHENTICATION:
                self._admit(frame, await self._hub.admit(frame))
                return
            registered = await self._hub.register(frame)
            if registered is None:
                self._answer(frame, answers.WRONG)
            else:
                body = answers.registration_answer(frame.serial, *registered)
                self.send(answers.REGISTRATION_ANSWER, body, frame)
            if registered is None or registered.result != answers.REGISTERED:
                self._count_refusal()

    def _admit(self, frame: Frame, admitted: Admitted | None) -> None:
        is_another = self.admitted is not None and admitted is not None and self.admitted.key != admitted.key
        if admitted is None or is_another:  # a connection is one terminal's for good
            self._refuse(frame)
            return
        self.admitted, self._peer = admitted, frame
        self._hub.welcome(self)
        self._answer(frame, answers.DONE)

    def _checked(self, task: asyncio.Task[None]) -> None:
        self._checking = None
        if not task.cancelled():
            task.result()
            self.go_on()
