"""Reading FHIR that may not be quite FHIR: objects where lists are due, empty strings, nothing at all. Never raises.

Numbers come as the text that stood in the document, so that 82.50 stays 82.50.
"""

import json
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def parse(body: bytes) -> Node:
    """The document of bytes that `store.read` has accepted."""
    try:
        document = json.loads(body.decode(), parse_float=str, parse_int=str)
    except RecursionError:  # read at the door by a parser that goes deeper
        return {}
    return document if isinstance(document, dict) else {}


def nodes(node: Node, key: str) -> list[Node]:
    value = node.get(key)
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def node(parent: Node, *path: str) -> Node:
    """The first object at the end of the path; empty where there is none."""
    for key in path:
        parent = next(iter(nodes(parent, key)), {})
    return parent


def text(parent: Node, *path: str) -> str:
    """The text at the end of the path; empty where there is none."""
    value = node(parent, *path[:-1]).get(path[-1])
    return value.strip() if isinstance(value, str) else ""


def resources(document: Node) -> Iterator[Node]:
    """The resources of a Bundle in their order, or the single resource itself."""
    if document.get("resourceType") != "Bundle":
        yield document
    else:
        yield from (resource for entry in nodes(document, "entry") for resource in nodes(entry, "resource"))
