"""The binary COPY tuple of a fix as numpy lays it out, for each set of optional columns that is stated."""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.telemetry.domain.rows import COLUMNS

CONTENT: Final = (
    ("speed_kmh", ">f4"), ("heading_deg", ">f4"), ("altitude_m", ">f4"), ("mileage_km", ">f8"),
    ("soc_pct", ">f4"), ("cargo_temp_c", ">f4"), ("load_state", ">i2"),
)  # fmt: skip
COUNTERS: Final = (("boot", ">i8"), ("seq", ">i8"))


class Layout(NamedTuple):
    """A tuple of COPY, and where in it the content columns begin and end."""

    dtype: np.dtype[np.void]
    first: int
    after: int


@cache
def layout_of(stated: tuple[str, ...]) -> Layout:
    """Give the layout of a row's tuple, and where its content begins and ends."""
    fields: list[tuple[str, str]] = [("count", ">i2")]

    def add(name: str, kind: str) -> None:
        fields.append((f"{name}_length", ">i4"))
        if kind:
            fields.append((name, kind))

    for name, kind in (("key", ">i4"), ("time", ">i8"), ("hash", ">i8")):
        add(name, kind)
    first = np.dtype(fields).itemsize
    for name, kind in (("lon", ">f8"), ("lat", ">f8"), ("cell", ">i4")):
        add(name, kind)
    for name, kind in CONTENT:
        add(name, kind if name in stated else "")
    after = np.dtype(fields).itemsize
    for name, kind in COUNTERS:
        add(name, kind if name in stated else "")
    add("received", ">i8")
    return Layout(np.dtype(fields), first, after)


@cache
def blank_row(stated: tuple[str, ...]) -> npt.NDArray[np.void]:
    """Give one row with its lengths filled in."""
    dtype = layout_of(stated).dtype
    names = dtype.names or ()
    row = np.zeros(1, dtype)
    row["count"] = len(COLUMNS)
    for length in names:
        if length.endswith("_length"):
            name = length.removesuffix("_length")
            row[length] = dtype[name].itemsize if name in names else -1
    return row
