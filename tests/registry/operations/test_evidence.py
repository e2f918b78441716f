"""Every column that names documents is known to an erasure, whichever module has it."""

from sqlalchemy import ARRAY, Uuid

from services.registry.models import Base, Document
from services.registry.queries.evidence import evidence_columns


def test_every_reference_to_a_document_is_looked_at() -> None:
    known = {str(column) for _, column in evidence_columns()}
    by_key = {
        str(column)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if any(key.column.table is Document.__table__ for key in column.foreign_keys)
    }
    lists = {
        str(column)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, ARRAY) and isinstance(column.type.item_type, Uuid)
    }
    assert {"drivers.document_ids", "tricycles.livery_document_id", "certificates.document_ids"} <= known
    assert by_key <= known
    assert {column for column in lists if "document" in column or "evidence" in column} <= known
    assert all(table.primary_key.columns.keys() == ["id"] for table, _ in evidence_columns())
