"""What the city profile says about supervision and tricycles, read and checked when a process starts."""

from dataclasses import dataclass
from pathlib import Path

from services.registry.domain.assessments import ConsequenceScheme
from services.registry.domain.plausibility import StatementChecks
from services.registry.domain.tricycles import Checklist, read_checklists


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


def read_tricycle_checklists(profile: Path) -> tuple[Checklist, ...]:
    """Read `tricycle_checklist.json` of a city profile: its versions by the day they come into force.

    Raises:
        OSError: The file is missing.
        ValueError: It is not a checklist.
    """
    return read_checklists((profile / "tricycle_checklist.json").read_text(encoding="utf-8"))
