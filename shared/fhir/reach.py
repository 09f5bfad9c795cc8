"""Finding elements in a resource by dotted path, through lists, whatever stands there."""

from collections.abc import Iterator, Sequence
from typing import Any


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
