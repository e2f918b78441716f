"""The score of a feasible vehicle for a load: 0 to 100, higher is better.

    score = 100 × (0.5 × nearness + 0.3 × fit + 0.2 × energy)

- nearness = 1 − d / d_max, d the great-circle distance from the vehicle's latest position to the origin,
  rounded up to whole km (for a shipper: to the upper edge of its band), d_max the farthest approach;
- fit = the greater of weight / payload and volume / cargo volume: a small load leaves large vehicles free;
- energy = `vehicles.ENERGY_PREFERENCE` of the vehicle's class.

The weights are configuration [DEF]. A score never tells more of a distance than its viewer may know.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEARNESS: Final = 0.5
FIT: Final = 0.3
ENERGY: Final = 0.2
DECIMALS: Final = 2


def scores(
    told_km: NDArray[np.float64],
    fit: NDArray[np.float64],
    energy: NDArray[np.float64],
    max_km: float,
) -> NDArray[np.float64]:
    """Return scores of vehicles at the distances that may be told."""
    nearness = np.clip(1 - told_km / max_km, 0, 1)
    return np.round(100 * (NEARNESS * nearness + FIT * np.clip(fit, 0, 1) + ENERGY * energy), DECIMALS)


def best_possible(told_km: float, max_km: float) -> float:
    """Return the highest score any vehicle at least so far away can have."""
    nearness = min(max(1 - told_km / max_km, 0.0), 1.0)
    return 100 * (NEARNESS * nearness + FIT + ENERGY) + 10**-DECIMALS
