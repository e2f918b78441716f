"""Each dependency is named with its reason, and locked with its hash (conventions rule 13)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DECISION = ROOT / "docs" / "decisions" / "0010-libraries.md"


def _named(path: Path) -> set[str]:
    lines = path.read_text("utf-8").splitlines()
    return {found[0] for line in lines if (found := re.match(r"[A-Za-z0-9][A-Za-z0-9_-]*", line))}


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_requirement_stands_in_the_decision(name: str) -> None:
    cells = {row.split("|")[1] for row in DECISION.read_text("utf-8").splitlines() if row.startswith("| ")}
    reasoned = {word.strip() for cell in cells for word in cell.split(",")}
    assert _named(ROOT / "requirements" / f"{name}.in") - reasoned == set()


@pytest.mark.parametrize("name", ["run", "dev"])
def test_every_requirement_is_locked_with_a_hash(name: str) -> None:
    lock = (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", lock)
    locked = {entry.split("==")[0].split("[")[0] for entry in entries if "--hash=sha256:" in entry}
    wanted = {found.lower() for found in _named(ROOT / "requirements" / f"{name}.in")}
    assert wanted - locked == set()
    assert "index-url" not in lock  # where packages come from is the machine's own setting
