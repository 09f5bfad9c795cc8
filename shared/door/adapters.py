"""Finds adapters by name: the folder is the adapter, loaded at its first message."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from shared.domain.adapter import Adapter
from shared.domain.journal import JournalAdapter, LookupAdapter


def device(name: str) -> Adapter | None:
    """The format of a sender, None if there is no such folder. Nothing is remembered of names that are none: anybody may ask for them."""
    return _device(name) if name in names("devices") else None


def journal(name: str) -> JournalAdapter | None:
    """The way to put documents into a journal (ADAPTER in its folder), None if there is no such."""
    return _journal(name) if name in names("epj") else None


def lookup(name: str) -> LookupAdapter | None:
    """The way to ask a journal (LOOKUP in its folder), None if there is no such."""
    return _lookup(name) if name in names("epj") else None


@cache
def names(room: str) -> frozenset[str]:
    """The folders of a room under `adapters`."""
    return frozenset(module.name for module in iter_modules(import_module(f"adapters.{room}").__path__))


@cache
def _device(name: str) -> Adapter:
    found: Adapter = import_module(f"adapters.devices.{name}.adapter").ADAPTER
    return found


@cache
def _journal(name: str) -> JournalAdapter | None:
    found: JournalAdapter | None = getattr(import_module(f"adapters.epj.{name}.adapter"), "ADAPTER", None)
    return found


@cache
def _lookup(name: str) -> LookupAdapter | None:
    found: LookupAdapter | None = getattr(import_module(f"adapters.epj.{name}.adapter"), "LOOKUP", None)
    return found
