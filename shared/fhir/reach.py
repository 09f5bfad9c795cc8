"""Finding elements in a resource by dotted path, through lists, whatever stands there."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

_NAME = re.compile(r"_?[a-z][A-Za-z]{0,39}", re.ASCII)  # a key that may be told; any other may be what somebody is called


def step(key: str | int) -> str:
    """A step of a path, as told: what no element can be called is not repeated."""
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _NAME.fullmatch(key) else ".?"


def reach(node: Any, steps: Sequence[str]) -> list[Any]:
    """Every value at `steps`, lists opened on the way and at the end. What is not an object on the way is passed over."""
    nodes = node if type(node) is list else [node]
    for step in steps:
        found: list[Any] = []
        for parent in nodes:
            if type(parent) is dict:
                value = parent.get(step)
                if type(value) is list:
                    found += value
                elif value is not None:
                    found.append(value)
        nodes = found
    return nodes


def located(node: Any, steps: Sequence[str], path: str) -> Iterator[tuple[str, Any]]:
    """The same values, each with its path: slower, for when something is wrong."""
    if type(node) is list:
        for place, value in enumerate(node):
            yield from located(value, steps, f"{path}[{place}]")
    elif not steps:
        yield path, node
    elif type(node) is dict and node.get(steps[0]) is not None:
        yield from located(node[steps[0]], steps[1:], f"{path}.{steps[0]}")


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in it, itself too, at any depth."""
    if type(value) is list:
        for part in value:
            yield from objects(part)
    elif type(value) is dict:
        yield value
        for part in value.values():
            yield from objects(part)
