"""When a parcel is tried again: our own persisted schedule (`domain/security.md` 7), since the queue's retry is for crashes.

The parcel's id decides the +-20 %, so that a second run decides the same.
"""

from collections.abc import Sequence

from shared.access.rows import Retry
from shared.domain.message import Lane

DAY = 24 * 3600  # seconds

MIDDLE = "8000"  # a seed that neither shortens nor lengthens


def steps(retry: Retry, lane: Lane) -> Sequence[int]:
    """Seconds after the first, second ... failed attempt; the last one repeats."""
    return retry.alarm if lane is Lane.ALARM else retry.routine


def delay(steps: Sequence[int], attempt: int, seed: str, wish: float | None = None, most: float = float("inf")) -> float:
    """Seconds until the next attempt; `attempt` counts the failed ones. A journal's `wish` (Retry-After) counts between once and four
    times our own delay, which is `most` at the most."""
    own = min(steps[min(attempt, len(steps)) - 1] * (0.8 + 0.4 * int(seed[:4], 16) / 0xFFFF), most)
    return own if wish is None else min(max(wish, own), 4 * own)


def spent(retry: Retry, attempt: int, age: float) -> str:
    """Why a parcel is not tried again, "" while it is. `attempt` counts the failed ones; `age`: seconds since the first of them."""
    if age > retry.days * DAY:
        return f"given up after {retry.days} days"
    if 0 < retry.attempts <= attempt:
        return f"given up after {attempt} attempts"
    return ""
