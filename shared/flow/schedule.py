"""When a parcel is tried again: our own persisted schedule (`domain/security.md` 7), since the queue's retry is for crashes.

Seconds after the first, second ... failed attempt. The parcel's id decides the +-20 %, so that a second run decides the same.
"""

from shared.domain.message import Lane

DELAYS = {
    Lane.ALARM: (2, 5, 10, 30, 60),
    Lane.ROUTINE: (5, 30, 120, 600, 1800, 3600),
}
GIVE_UP = 7 * 24 * 3600  # seconds; then it is parked, never gone


MIDDLE = "8000"  # a seed that neither shortens nor lengthens


def delay(lane: Lane, attempt: int, seed: str, wish: float | None = None, most: float = float("inf")) -> float:
    """Seconds until the next attempt; `attempt` counts the failed ones. A journal's `wish` (Retry-After) counts between once and four
    times our own delay, which is `most` at the most."""
    steps = DELAYS[lane]
    own = min(steps[min(attempt, len(steps)) - 1] * (0.8 + 0.4 * int(seed[:4], 16) / 0xFFFF), most)
    return own if wish is None else min(max(wish, own), 4 * own)
