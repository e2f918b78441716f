"""Whole millimetres and milliseconds as people read them."""


def km_of_mm(millimetres: int) -> float:
    """Give kilometres to the metre."""
    return round(millimetres / 1_000_000, 3)


def km_of_m(metres: int | None) -> float | None:
    """Give kilometres."""
    return None if metres is None else round(metres / 1000, 3)


def minutes_of_ms(milliseconds: int) -> float:
    """Give minutes to a hundredth."""
    return round(milliseconds / 60_000, 2)


def average_kmh(millimetres: int, milliseconds: int) -> float | None:
    """Give the average speed over a time, None over none."""
    return round(millimetres / milliseconds * 3.6, 1) if milliseconds else None
