"""Limits of a terminal's health, as the city sets them, and what is judged by them."""

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

MINUTES_KEPT: Final = 15
"""Minutes of reception whose least delays give the clock's offset, by their median.

A burst of backfilled fixes falls into a minute or two, of which the newest fix gives the least delay; eight
minutes of nothing but old fixes are needed to mislead the median.
"""
HOURS_KEPT: Final = 48
"""Hours of reception whose least delays give the clock's drift."""
HOURS_FOR_DRIFT: Final = 6
SILENT_FOR_EVER: Final = "never"
LONGEST_SILENCE: Final = "longer"


class Band(NamedTuple):
    """A band of silence: up to so many minutes since the terminal was heard."""

    code: str
    minutes: float


class JumpLimit(NamedTuple):
    """From one newest position to the next, more than `slack_m` beyond what `kmh` allows is a jump."""

    kmh: float = 200.0
    slack_m: float = 100.0


USUAL_JUMP: Final = JumpLimit()


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Section `terminal_health` of the city profile. The first band is what counts as online."""

    bands: tuple[Band, ...]
    clock_offset_s: float
    clock_drift_s_per_day: float
    jump_kmh: float
    jump_slack_m: float
    jump_share: float
    quarantine_share: float
    least_counted: float
    """No share is judged by fewer."""
    restarts: float

    @classmethod
    def read(cls, section: dict[str, object]) -> Self:
        """Read the section.

        Raises:
            KeyError, TypeError, ValueError: it is not exactly what is expected.
        """
        bands = section["silence_bands"]
        if not isinstance(bands, list):
            raise TypeError("silence_bands")
        found = cls(bands=tuple(Band(*band) for band in bands), **_numbers(section))
        minutes = [band.minutes for band in found.bands]
        if not minutes or minutes != sorted(set(minutes)):
            raise ValueError("silence_bands: minutes must grow")
        return found

    @property
    def jump(self) -> JumpLimit:
        """What folding counts as a jump."""
        return JumpLimit(self.jump_kmh, self.jump_slack_m)

    @property
    def codes(self) -> tuple[str, ...]:
        """Every band's code, in the order of silence."""
        return (*(band.code for band in self.bands), LONGEST_SILENCE, SILENT_FOR_EVER)


def _numbers(section: dict[str, object]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in section.items():
        if name == "silence_bands":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(name)
        found[name] = value
    return found
