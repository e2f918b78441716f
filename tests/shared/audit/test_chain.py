"""The chain of an audit log against digests computed by hand with coreutils."""

from services.shared.audit.chain import GENESIS, chain, first_break


def test_digest_is_sha256_of_previous_position_and_entry() -> None:
    # { head -c32 /dev/zero; printf '\0\0\0\0\0\0\0\1{}'; } | sha256sum
    expected = "1bad765d926feacace97a8ddcd329a1f4254c208affc1ba86b3c7d59e8fba83e"
    assert chain(GENESIS, 1, b"{}").hex() == expected


def test_the_first_break_is_found() -> None:
    one = chain(GENESIS, 1, b"a")
    two = chain(one, 2, b"b")
    rows = [(1, b"a", one), (2, b"b", two)]
    assert first_break(rows) is None
    assert first_break([rows[0], (2, b"c", two)]) == 2
    assert first_break(rows[1:]) == 1
    assert first_break(rows[1:], 1, one) is None
