"""How long to wait before trying again: longer each time, never too long, never at the same moment as all others."""

import random
from collections.abc import Iterator


def delays(first_s: float, longest_s: float, seed: int | None = None) -> Iterator[float]:
    """Seconds, without end: each between half and all of a bound that doubles up to `longest_s`."""
    jitter = random.Random(seed)  # noqa: S311 - spreads load; nothing is secret
    bound = first_s
    while True:
        yield bound * jitter.uniform(0.5, 1.0)
        bound = min(bound * 2, longest_s)
