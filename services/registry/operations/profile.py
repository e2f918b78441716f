"""What the registry takes from the city profile."""

import csv
from pathlib import Path

from services.shared.standards.divisions import DivisionTable, parse_divisions


def read_divisions(profile: Path) -> DivisionTable:
    """Return the city's divisions, present and past (`divisions.csv`).

    Raises:
        ValueError: A row is wrong.
    """
    with (profile / "divisions.csv").open(encoding="utf-8") as file:
        return DivisionTable(parse_divisions(csv.DictReader(file)))
