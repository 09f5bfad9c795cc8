"""Comparing what was sent with secrets: by digests of equal length, all of them, in constant time."""

import hashlib
import hmac
from collections.abc import Sequence
from functools import lru_cache


def same_secret(given: str, secrets: Sequence[str | None]) -> bool:
    """Whether what was sent is one of the secrets. One that is not set never is."""
    return among([digest(value) for value in secrets if value], given)


def among(expected: Sequence[bytes], given: str) -> bool:
    """Whether one of these digests is that of what was sent."""
    shown = hashlib.sha256(in_bytes(given)).digest()
    return any([hmac.compare_digest(one, shown) for one in expected])  # a list: all are compared, so that time tells nothing


@lru_cache(maxsize=4096)  # of what we know, never of what was sent
def digest(value: str) -> bytes:
    return hashlib.sha256(in_bytes(value)).digest()


def in_bytes(text: str) -> bytes:
    """A header may hold anything; nothing in one may raise."""
    return text.encode("utf-8", "surrogatepass")
