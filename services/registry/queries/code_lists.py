"""Reads of the code lists, which are in memory."""

from collections.abc import Mapping

from services.registry.domain.codes.lists import CodeList
from services.shared.errors import NotFound
from services.shared.paging import decode_cursor, encode_cursor


def get_code_list(book: Mapping[str, CodeList], name: str) -> CodeList:
    """Return the list of that name.

    Raises:
        NotFound: There is none.
    """
    if name not in book:
        raise NotFound
    return book[name]


def page_code_lists(
    book: Mapping[str, CodeList], cursor: str | None, limit: int
) -> tuple[list[CodeList], str | None]:
    """Return a page of the lists, in the order of their names.

    Raises:
        Unprocessable: The cursor is not one of this list.
    """
    after = decode_cursor(cursor, [str])[0] if cursor else ""
    found = [each for name, each in book.items() if name > after]
    items = found[:limit]
    return items, encode_cursor([items[-1].name]) if len(found) > limit else None
