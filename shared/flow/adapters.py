"""Finds adapters by name: the folder is the adapter, loaded at its first message."""

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from shared.domain.adapter import Adapter, JournalAdapter

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@cache
def device(name: str) -> Adapter | None:
    """The format of a sender, None if there is no such folder."""
    module = _load("devices", name)
    return module.ADAPTER if module else None


@cache
def journal(name: str) -> JournalAdapter | None:
    """The way to a journal, None if there is no such folder."""
    module = _load("epj", name)
    return module.ADAPTER if module else None


def _load(room: str, name: str):  # type: ignore[no-untyped-def]  # a module has no narrower type than its attributes
    if not _NAME.fullmatch(name) or not find_spec(f"adapters.{room}.{name}"):
        return None
    return import_module(f"adapters.{room}.{name}.adapter")
