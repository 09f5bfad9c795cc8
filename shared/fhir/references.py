"""Where a reference leads, among the resources of one answer; and which type a journal says that something has, however it spells it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

Resource = Mapping[str, Any]
Found = Sequence[tuple[str, Resource]]  # fullUrl ("" if it had none) and resource
Same = Callable[[Resource, Resource], bool]

_LETTERS = re.compile(r"[^a-z]")
_HOST = re.compile(r"\Ahttps?://([^/?#]*?)(:80|:443)?(?=[/?#]|$)", re.IGNORECASE)
_QUERY = re.compile(r"[?#]")


class Names:
    """Resources by whatever may refer to them. A name that two of them have names neither, unless they are the same.

    `bases`: of the whole answer (`bases`). Where it has several, a relative reference leads nowhere: nobody can tell to which.
    """

    def __init__(self, found: Found, bases: frozenset[str], same: Same) -> None:
        self._bases = bases
        self._exact = _by(((plain(url), one) for url, one in found if url), same)
        short = ((name, one) for url, one in found for name in {relative(plain(url)), *_local(one)}) if len(bases) < 2 else ()
        self._short = _by(short, same)

    def of(self, target: str) -> Resource | None:
        """`target`: as `target` gives it."""
        if target in self._exact:
            return self._exact[target]
        return self._short.get(self.called(target)) if target else None

    def called(self, target: str) -> str:
        """One name for what is called by its address and by type and id: only under the answer's own base are they the same."""
        return relative(target) if "://" in target and self._bases <= {_base(target)} else target


def bases(found: Found) -> frozenset[str]:
    """The addresses under which an answer's resources stand."""
    named = ((plain(url), f"{one.get('resourceType')}/") for url, one in found if "://" in url)
    return frozenset(_base(url) for url, kind in named if relative(url).startswith(kind))


def target(reference: Any) -> str:
    """Where a reference leads, as it is compared; "" if nowhere."""
    told = reference.get("reference") if type(reference) is dict else None
    return plain(told) if type(told) is str else ""


def plain(url: str) -> str:
    """An address as it is compared: without a version, and in one spelling."""
    whole = url.partition("/_history")[0].rstrip("/")
    if "://" in whole:
        return _HOST.sub(lambda host: f"http://{host[1].lower()}", whole)
    return whole.lower() if whole[:9].lower() == "urn:uuid:" else whole


def relative(address: str) -> str:
    return "/".join(address.split("/")[-2:])


def says_patient(reference: Mapping[str, Any]) -> bool:
    """Whether it says that it leads to a Patient, by its type or by its address."""
    return "patient" in kinds(reference.get("type")) or any("patient" in _steps(each)[-2:] for each in _texts(reference.get("reference")))


def kinds(value: Any) -> set[str]:
    """The types that it names, in lower case: what is taken for something else is not looked at."""
    if type(value) is str and value.isascii() and value.isalpha():
        return {value.lower()}
    return {_LETTERS.sub("", each.lower().rpartition("/")[2].partition("|")[0]) for each in _texts(value)}


def _steps(address: str) -> list[str]:
    path = unquote(_QUERY.split(plain(address), maxsplit=1)[0]).lower()
    return [each for each in path.split("/") if each not in ("", ".")]


def _texts(value: Any) -> Iterator[str]:
    if type(value) is list:
        for each in value:
            yield from _texts(each)
    elif type(value) is str:
        yield value


def _base(url: str) -> str:
    return "/".join(url.split("/")[:-2])


def _local(one: Resource) -> list[str]:
    return [f"{one.get('resourceType')}/{one['id']}"] if type(one.get("id")) is str else []


def _by(named: Iterable[tuple[str, Resource]], same: Same) -> dict[str, Resource | None]:
    found: dict[str, Resource | None] = {}
    for name, one in named:
        other = found.get(name, one)
        found[name] = one if other is one or (other is not None and same(other, one)) else None
    return found
