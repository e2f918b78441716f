"""Documents: taken in by content, sealed, read, named as evidence, erased."""

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.domain.media import MAX_BYTES, MEDIA_TYPES, media_type_of
from services.registry.domain.secrets import digest
from services.registry.errors import ApplicationDecided, DocumentRefused, TooManyDocuments
from services.registry.models import Document
from services.registry.operations.readers import check_reader
from services.registry.queries.documents import (
    count_documents_of_application,
    find_document_of,
    find_documents,
    get_document,
    seen_among,
)
from services.registry.queries.enterprises import get_application_for_update, get_enterprise
from services.registry.queries.evidence import is_evidence_of_driver
from services.registry.queries.scopes import enter_applicant
from services.shared.audit import AccessLog, Reading
from services.shared.auth import Principal
from services.shared.errors import FieldError, Gone, PayloadTooLarge, Unprocessable, UnsupportedMediaType
from services.shared.ids import new_id
from services.shared.locks import lock_name
from services.shared.personal import Vault
from services.shared.writing import write

MAX_OF_APPLICATION = 20
"""Documents one applicant may upload."""


async def upload_document(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    enterprise_id: UUID | None,
    declared: str,
    content: bytes,
    now: datetime,
) -> Document:
    """Keep a file of a firm (its own, or named by an office) or of an office; the same bytes are kept once.

    Raises:
        NotFound: The firm is unknown or another's.
        DocumentRefused: The bytes are no whole PDF, JPEG or PNG, or not what was declared.
        UnsupportedMediaType: Another type was declared.
        PayloadTooLarge: More than 10 MiB.
    """
    owner = who.enterprise_id or enterprise_id
    if enterprise_id is not None:
        await get_enterprise(session, who, enterprise_id)
    return await _keep(session, vault, (owner, None), who.subject, declared, content, now)


async def upload_application_document(
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    reference_code: str,
    declared: str,
    content: bytes,
    now: datetime,
) -> Document:
    """Keep an applicant's evidence while its application is open.

    Raises:
        NotFound: No application with this id and reference code.
        ApplicationDecided: It has been approved or rejected.
        TooManyDocuments: It has its twenty.
        DocumentRefused, UnsupportedMediaType, PayloadTooLarge: As `upload_document`.
    """
    reference = digest(reference_code)
    await enter_applicant(session, reference)
    application = await get_application_for_update(session, application_id, reference)
    if application.status != "submitted":
        raise ApplicationDecided
    if await count_documents_of_application(session, application_id) >= MAX_OF_APPLICATION:
        raise TooManyDocuments
    owner = None, application_id
    return await _keep(session, vault, owner, f"application:{application_id}", declared, content, now)


async def _keep(
    session: AsyncSession,
    vault: Vault,
    owner: tuple[UUID | None, UUID | None],
    uploaded_by: str,
    declared: str,
    content: bytes,
    now: datetime,
) -> Document:
    media_type = _checked(declared, content)
    hashed = sha256(content).digest()
    await lock_name(session, f"document/{owner[0]}/{owner[1]}/{hashed.hex()}")
    present = await find_document_of(session, *owner, hashed)
    if present is not None:
        return present
    document = Document(
        id=new_id(),
        enterprise_id=owner[0],
        application_id=owner[1],
        sha256=hashed,
        media_type=media_type,
        size_bytes=len(content),
        uploaded_by=uploaded_by,
        created_at=now,
    )
    document.box = await vault.seal_bytes(session, document.id, owner[0], content)
    session.add(document)
    await write(session, {})
    return document


def _checked(declared: str, content: bytes) -> str:
    if declared not in MEDIA_TYPES:
        raise UnsupportedMediaType("仅接受 PDF、JPEG、PNG / only PDF, JPEG and PNG are taken")
    if len(content) > MAX_BYTES:
        raise PayloadTooLarge("文件不得超过 10 MiB / at most 10 MiB")
    found = media_type_of(content)
    if found is None:
        raise DocumentRefused(
            "内容不是完整的 PDF、JPEG 或 PNG / the bytes are no whole PDF, JPEG or PNG",
            errors=[FieldError("body", "content_unknown", "文件内容不符 / not such a file")],
        )
    if found != declared:
        message = f"声明为 {declared}，实为 {found} / declared as {declared}, is {found}"
        raise DocumentRefused(message, errors=[FieldError("header.Content-Type", "content_other", message)])
    return found


async def read_document(
    session: AsyncSession,
    vault: Vault,
    log: AccessLog,
    who: Principal,
    asked: tuple[UUID, str | None],
    now: datetime,
    request_id: str,
) -> tuple[Document, bytes]:
    """Return a document the caller may see, and its bytes; the reading is on record already.

    Args:
        session: A transaction.
        vault: Of the bytes.
        log: Of readings.
        who: The caller.
        asked: The document, and what for.
        now: The instant.
        request_id: Of the request.

    Raises:
        NotFound: Unknown or another's.
        Forbidden: A driver's papers, and an office without the scope `personal_data`.
        Unprocessable: The same without a purpose.
        Gone: Its bytes were erased.
    """
    document_id, purpose = asked
    document = await get_document(session, who, document_id, with_bytes=True)
    if await is_evidence_of_driver(session, document_id):
        check_reader(who, purpose, "header.X-Purpose")
    if document.box is None:
        raise Gone
    content = await vault.unseal_bytes(session, document.id, document.box)
    read = Reading("document", document.id, document.enterprise_id, ("content",), purpose)
    await log.record(who, read, now, request_id)
    return document, content


async def check_evidence(
    session: AsyncSession,
    who: Principal,
    document_ids: Sequence[UUID],
    field: str = "body.document_ids",
    *,
    present: Collection[UUID] = (),
) -> list[UUID]:
    """Return the ids of documents named as evidence, each once; all exist and the caller may see them.

    Those that are `present`, which is evidence of the same thing already, need no look.

    Raises:
        Unprocessable: One is unknown, another's or erased; which one is told, not why.
    """
    wanted = list(dict.fromkeys(document_ids))
    fresh = [each for each in wanted if each not in present]
    found = {document.id for document in await find_documents(session, who, fresh)} if fresh else set()
    faults = [
        FieldError(f"{field}.{place}", "document_unknown", "没有这份材料 / no such document")
        for place, document_id in enumerate(document_ids)
        if document_id not in found and document_id not in present
    ]
    if faults:
        raise Unprocessable(errors=faults)
    return wanted


async def correct_evidence(
    session: AsyncSession, who: Principal, document_ids: Sequence[UUID], present: Sequence[UUID]
) -> list[UUID]:
    """Return the evidence of what had `present` once the caller has named it anew; others' stays.

    Raises:
        Unprocessable: A document is not present and unknown, another's or erased.
    """
    wanted = await check_evidence(session, who, document_ids, present=present)
    own = await seen_among(session, who, present) if present else set()
    return [*wanted, *(each for each in present if each not in own and each not in wanted)]


async def erase_document(session: AsyncSession, vault: Vault, document: Document, now: datetime) -> None:
    """Destroy a document's bytes and their key; the row stays as the record that there was one."""
    await vault.erase(session, document.id)
    document.box, document.erased_at = None, now
    await write(session, {})
