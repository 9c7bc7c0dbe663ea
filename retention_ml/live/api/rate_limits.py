"""How much a caller may ask for: a bucket that fills evenly and holds ten seconds' worth."""

import math
import threading
from dataclasses import dataclass, field

_BURST_SECONDS = 10.0


@dataclass
class RateLimits:
    """Buckets by name, all of one rate; safe among threads.

    Parameters
    ----------
    per_second : float
        How many a second, in the long run.

    Examples
    --------
    >>> limits = RateLimits(per_second=1.0)
    >>> limits.take("shop", 10, at=0.0), limits.take("shop", 1, at=0.0)
    (0, 1)
    >>> limits.take("shop", 1, at=1.0)
    0
    """

    per_second: float
    _levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str, count: int, *, at: float) -> int:
        """Take so many at a moment, in seconds: 0, or in how many whole seconds to ask again.

        More than a bucket holds is let through when it is full, and owed afterwards.
        """
        size = max(1.0, self.per_second * _BURST_SECONDS)
        with self._lock:
            level, since = self._levels.get(name, (size, at))
            level = min(size, level + max(0.0, at - since) * self.per_second)
            needed = min(float(count), size)
            if level < needed:
                self._levels[name] = (level, at)
                return max(1, math.ceil((needed - level) / self.per_second))
            self._levels[name] = (level - count, at)
        return 0
