"""Reading FHIR that may not be quite FHIR: objects where lists are due, empty strings, nothing at all. Never raises.

Texts come as plain words: what cannot be seen, or turns the writing round, is left out.
"""

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def nodes(node: Node, key: str) -> list[Node]:
    value = node.get(key)
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def node(parent: Node, *path: str) -> Node:
    """The first object at the end of the path; empty where there is none."""
    for key in path:
        parent = next(iter(nodes(parent, key)), {})
    return parent


def text(parent: Node, *path: str) -> str:
    """The text at the end of the path, on one line; empty where there is none."""
    value = node(parent, *path[:-1]).get(path[-1])
    return line(value) if isinstance(value, str) else ""


def prose(parent: Node, key: str) -> str:
    """A text that keeps its lines; empty where there is none."""
    value = parent.get(key)
    return "\n".join(filter(None, map(line, value.splitlines()))) if isinstance(value, str) else ""


def line(words: str) -> str:
    """One line of what can be seen: no control characters, nothing invisible, nothing that turns the direction of the writing."""
    seen = words if words.isprintable() else "".join(sign for sign in words if sign.isprintable() or sign.isspace())
    return " ".join(seen.split())


def resources(document: Node) -> Iterator[Node]:
    """The resources of a Bundle in their order, or the single resource itself."""
    if document.get("resourceType") != "Bundle":
        yield document
    else:
        yield from (resource for entry in nodes(document, "entry") for resource in nodes(entry, "resource"))
