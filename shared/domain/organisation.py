"""Norwegian organisation numbers. The register says who exists; the check digit only ever warns.

The two test municipalities that Norsk helsenett publishes have a wrong check digit.
"""

import re

SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.101"
_SHAPE = re.compile(r"[0-9]{9}")
_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2, 1)


def is_orgnr(text: str) -> bool:
    """Nine ASCII digits."""
    return _SHAPE.fullmatch(text) is not None


def warning(orgnr: str) -> str | None:
    """What to look at before trusting a number that has the right shape."""
    if sum(int(digit) * weight for digit, weight in zip(orgnr, _WEIGHTS, strict=True)) % 11:
        return "the check digit does not fit: is it a test organisation, or mistyped?"
    return None
