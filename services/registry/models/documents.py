"""Documents: the bytes of all evidence, sealed, under their hash."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, deferred, mapped_column

from services.registry.models.base import Base
from services.shared.db import Key, Timestamp


class Document(Base):
    """One uploaded file; its bytes are sealed under the document's own key (`personal_subjects`).

    It belongs to the firm `enterprise_id`, to the applicant of `application_id`, or to the offices (neither).
    The same bytes are kept once an owner, and again after an erasure.
    """

    __tablename__ = "documents"
    __table_args__ = (
        Index(
            "uq_documents_enterprise_id_sha256",
            "enterprise_id",
            "sha256",
            unique=True,
            postgresql_where=text("erased_at IS NULL"),
        ),
        Index(
            "uq_documents_application_id_sha256",
            "application_id",
            "sha256",
            unique=True,
            postgresql_where=text("erased_at IS NULL"),
        ),
        Index(
            "uq_documents_sha256",
            "sha256",
            unique=True,
            postgresql_where=text("enterprise_id IS NULL AND application_id IS NULL AND erased_at IS NULL"),
        ),
        CheckConstraint("enterprise_id IS NULL OR application_id IS NULL", name="owner"),
    )

    id: Mapped[Key]
    enterprise_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprises.id"))
    application_id: Mapped[UUID | None] = mapped_column(ForeignKey("registry.enterprise_applications.id"))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    uploaded_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Timestamp]
    erased_at: Mapped[Timestamp | None]
    box: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
