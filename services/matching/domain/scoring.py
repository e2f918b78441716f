"""The score of a feasible vehicle for a load: 0 to 100, higher is better.

    score = 100 × (0.6 × nearness + 0.2 × fit + 0.2 × energy)

- nearness = 5 / (5 + d): one beside the origin, a half at 5 km; d is the great-circle distance in km from
  the vehicle's latest position, rounded up to whole km (for a shipper: to the upper edge of its band);
- fit = the greater of weight / payload and volume / cargo volume: a small load leaves large vehicles free;
- energy = `vehicles.ENERGY_PREFERENCE` of the vehicle's class.

The weights are configuration [DEF]. A score never tells more of a distance than its viewer may know.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NEARNESS: Final = 0.6
FIT: Final = 0.2
ENERGY: Final = 0.2
HALF_KM: Final = 5.0
DECIMALS: Final = 2


def scores(
    told_km: NDArray[np.float64], fit: NDArray[np.float64], energy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scores of vehicles at the distances that may be told."""
    nearness = HALF_KM / (HALF_KM + told_km)
    return np.round(100 * (NEARNESS * nearness + FIT * np.clip(fit, 0, 1) + ENERGY * energy), DECIMALS)


def best_possible(told_km: float) -> float:
    """Return a score no vehicle at least so far away can have."""
    return 100 * (NEARNESS * HALF_KM / (HALF_KM + told_km) + FIT + ENERGY) + 10**-DECIMALS
