"""One line per step, past tense, ids and counts only. Nothing that came out of a payload may be handed in."""

import json
import logging

_log = logging.getLogger("knutepunkt")


def step(name: str, **ids: str | int | float | None) -> None:
    """Said once a step is done: step("received", line=..., packs=1)."""
    if _log.isEnabledFor(logging.INFO):
        _log.info("%s", json.dumps({"step": name, **ids}))


def alarm(name: str, **ids: str | int | float | None) -> None:
    """A human must know. Alert rules listen to this logger's ERROR level."""
    _log.error("%s", json.dumps({"alarm": name, **ids}))
