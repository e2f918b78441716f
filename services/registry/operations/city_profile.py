"""What the city profile says, read and checked when a process starts."""

import csv
from dataclasses import dataclass
from pathlib import Path

from services.registry.domain.assessments import ConsequenceScheme
from services.registry.domain.plausibility import StatementChecks
from services.registry.domain.tricycles import Checklist, read_checklists
from services.shared.standards.divisions import DivisionTable, parse_divisions


@dataclass(frozen=True, slots=True)
class Supervision:
    """The versions in force; immutable."""

    statement_checks: StatementChecks
    consequences: ConsequenceScheme


def read_supervision(profile: Path) -> Supervision:
    """Read `statement_checks.json` and `assessment_consequences.json` of a city profile.

    Raises:
        OSError: A file is missing.
        ValueError: A file is not exactly what is expected; the message says where.
    """
    checks = (profile / "statement_checks.json").read_bytes()
    consequences = (profile / "assessment_consequences.json").read_bytes()
    return Supervision(
        StatementChecks.model_validate_json(checks), ConsequenceScheme.model_validate_json(consequences)
    )


def read_divisions(profile: Path) -> DivisionTable:
    """Return the city's divisions, present and past (`divisions.csv`).

    Raises:
        OSError: The file is missing.
        ValueError: A row is wrong.
    """
    with (profile / "divisions.csv").open(encoding="utf-8") as file:
        return DivisionTable(parse_divisions(csv.DictReader(file)))


def read_tricycle_checklists(profile: Path) -> tuple[Checklist, ...]:
    """Read `tricycle_checklist.json` of a city profile: its versions by the day they come into force.

    Raises:
        OSError: The file is missing.
        ValueError: It is not a checklist.
    """
    return read_checklists((profile / "tricycle_checklist.json").read_text(encoding="utf-8"))
