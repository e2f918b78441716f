"""The bytes of an import, in sealed pieces: its file until it is checked, then the rows read from it.

Everything is sealed under a key of the import's own, which is destroyed with it. A piece says in itself which
it is, so that none can stand in another's place.
"""

import struct
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal

from pydantic_core import from_json, to_json
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.registry.errors import ImportDamaged
from services.registry.models import Import, ImportPiece
from services.registry.operations.imports.entity import Entity, Row
from services.registry.queries.imports import get_piece, ordinals_of
from services.shared.personal import Vault

PIECE_BYTES: Final = 1024 * 1024
_HEAD: Final = struct.Struct(">4sI")
PieceKind = Literal["file", "rows"]


async def keep_file(session: AsyncSession, vault: Vault, found: Import, content: bytes) -> None:
    """Keep a file as uploaded."""
    for ordinal, start in enumerate(range(0, len(content), PIECE_BYTES)):
        await _keep(session, vault, found, "file", ordinal, content[start : start + PIECE_BYTES])


async def open_file(session: AsyncSession, vault: Vault, found: Import) -> bytes:
    """Return the file.

    Raises:
        ImportDamaged: A piece is not what was sealed.
        SubjectErased: The import has ended.
    """
    content = bytearray()
    for ordinal in await ordinals_of(session, found.id, "file"):
        content += await _open(session, vault, found, "file", ordinal)
    if len(content) != found.size_bytes:
        raise ImportDamaged
    return bytes(content)


async def keep_rows(
    session: AsyncSession, vault: Vault, found: Import, ordinal: int, rows: Sequence[Row]
) -> None:
    """Keep the rows of one batch as values, so that the application reads no file any more."""
    plain = zlib.compress(to_json([(row.number, row.values) for row in rows]), 1)
    await _keep(session, vault, found, "rows", ordinal, plain)


async def open_rows(
    session: AsyncSession, vault: Vault, found: Import, entity: Entity
) -> AsyncIterator[list[Row]]:
    """Yield the rows batch by batch, checked by the schema again, which may have become stricter.

    Raises:
        ImportDamaged: A piece is not what was sealed, or the schema refuses a row.
        SubjectErased: The import has ended.
    """
    for ordinal in await ordinals_of(session, found.id, "rows"):
        plain = from_json(zlib.decompress(await _open(session, vault, found, "rows", ordinal)))
        yield [_row(entity, number, values) for number, values in plain]


def _row(entity: Entity, number: int, values: dict[str, Any]) -> Row:
    given, faults = entity.form.read(values)
    if faults:
        raise ImportDamaged
    return Row(number, values, given)


async def drop_file(session: AsyncSession, found: Import) -> None:
    """Delete the file's own bytes, once its rows are kept."""
    await _delete(session, found, "file")


async def drop_rows(session: AsyncSession, found: Import) -> None:
    """Delete the rows of a check that did not end."""
    await _delete(session, found, "rows")


async def drop_all(session: AsyncSession, vault: Vault, found: Import) -> None:
    """Delete all bytes of an import and destroy their key."""
    await _delete(session, found, "file", "rows")
    await vault.erase(session, found.id)


async def _delete(session: AsyncSession, found: Import, *kinds: PieceKind) -> None:
    await session.execute(
        delete(ImportPiece).where(ImportPiece.import_id == found.id, ImportPiece.kind.in_(kinds))
    )


async def _keep(
    session: AsyncSession, vault: Vault, found: Import, kind: PieceKind, ordinal: int, plain: bytes
) -> None:
    marked = _HEAD.pack(kind.encode(), ordinal) + plain
    box = await vault.seal_bytes(session, found.id, found.enterprise_id, marked)
    piece = ImportPiece(
        import_id=found.id, kind=kind, ordinal=ordinal, enterprise_id=found.enterprise_id, box=box
    )
    session.add(piece)
    await session.flush()
    session.expunge(piece)


async def _open(session: AsyncSession, vault: Vault, found: Import, kind: PieceKind, ordinal: int) -> bytes:
    box = await get_piece(session, found.id, kind, ordinal)
    marked = await vault.unseal_bytes(session, found.id, box)
    if marked[: _HEAD.size] != _HEAD.pack(kind.encode(), ordinal):
        raise ImportDamaged
    return marked[_HEAD.size :]
