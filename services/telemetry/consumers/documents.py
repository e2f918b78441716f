"""What a batch of messages holds beside terminals' own JSON: other projects' forms, bridges, answers.

A bridge passes on what terminals of its own firm report, on its own topic or below its own number, which
the broker holds it to; for anything else, and for whoever is no bridge, it goes to quarantine under the
sender's name.
"""

from typing import NamedTuple, TypeAlias

import asyncpg

from services.telemetry.domain.documents import Document, read_document
from services.telemetry.domain.fixes import Rejected
from services.telemetry.domain.jt808.judging import Judged
from services.telemetry.domain.topics import BRIDGE_PREFIX, bridge_of
from services.telemetry.operations.batch import Batch, Quarantine
from services.telemetry.queries.terminals import Bridged, find_bridged

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_TOPIC = BRIDGE_PREFIX.decode()


class _PassedOn(NamedTuple):
    sender: str
    number: str
    payload: bytes
    document: Document | None


class Documents:
    """Those of one batch."""

    def __init__(self, batch: Batch, now_ms: int) -> None:
        self._batch, self._now_ms = batch, now_ms
        self._passed_on: list[_PassedOn] = []

    def take(self, sender: str, key: int | None, payload: bytes) -> bool:
        """Take a message that is no terminal's own JSON; False leaves it to who asked.

        ``sender`` is the terminal of the topic, or the whole topic of a bridge; ``key`` None where it is no
        terminal that reports for itself.
        """
        document = read_document(payload, self._now_ms)
        if sender.startswith(_TOPIC):
            self._passed_on.append(_PassedOn(*bridge_of(sender), payload, document))
            return True
        if document is None:
            return False
        if key is None:
            self._passed_on.append(_PassedOn(sender, document.terminal or "", payload, document))
            return True
        self._file(sender, key, document if document.terminal in {None, sender} else None, payload)
        return True

    async def resolve(self, connection: Connection) -> None:
        """File what has been passed on under the terminals it is about."""
        if not self._passed_on:
            return
        found = await find_bridged(connection, {(each.sender, each.number) for each in self._passed_on})
        for sender, number, payload, document in self._passed_on:
            self._pass_on(found[sender, number], sender, number, payload, document)

    def _pass_on(
        self, found: Bridged, sender: str, number: str, payload: bytes, document: Document | None
    ) -> None:
        if not found.is_bridge:
            reason = "unknown_terminal" if found.sender_key is None else "not_a_bridge"
        elif document is None:
            reason = "unknown_format"
        elif found.terminal_key is None:
            reason = "unknown_terminal"
        else:
            self._file(number, found.terminal_key, document if document.terminal == number else None, payload)
            return
        rejected = Rejected(reason, number, payload)
        self._batch.rejects.append(Quarantine(sender, found.sender_key, rejected))

    def _file(self, number: str, key: int, document: Document | None, payload: bytes) -> None:
        """File a document under a terminal; None is one that names another."""
        if document is None:
            rejected = Rejected("wrong_terminal", "names another terminal", payload)
            document = Document(reports=(Judged(self._now_ms, None, rejected),))
        for report in document.reports:
            self._batch.add(number, key, report, self._now_ms)
        if document.answer is not None:
            self._batch.answers.append((key, document.answer))
