"""Token buckets by key, in bounded memory; the caller brings the clock."""

import math
from collections import OrderedDict
from typing import Final

_MAX_KEYS: Final = 50_000


class Buckets:
    """Each key may act `per_minute` times a minute, and as many at once after a rest."""

    def __init__(self, per_minute: int) -> None:
        self._rate = per_minute / 60.0
        self._size = float(per_minute)
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> int:
        """Take one; return 0, or the whole seconds to wait for the next.

        Args:
            key: Who acts.
            now: Seconds of a clock that never goes back.
        """
        level, since = self._levels.pop(key, (self._size, now))
        level = min(self._size, level + (now - since) * self._rate)
        wait = 0 if level >= 1 else math.ceil((1 - level) / self._rate)
        self._levels[key] = (level - 1 if wait == 0 else level, now)
        if len(self._levels) > _MAX_KEYS:
            # The longest at rest goes first: its bucket is the fullest.
            self._levels.popitem(last=False)
        return wait
