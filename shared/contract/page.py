"""The contract as a page for engineers, made from nothing but the OpenAPI document."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from shared.contract.markup import Html, join, page, tag

Json = Mapping[str, Any]

_MARK = re.compile(r"`([^`]+)`|<(https://[^>]+)>")
_METHODS = ("get", "post")


def docs_page(document: Json) -> bytes:
    """To be sent with markup.HEADERS."""
    info = document["info"]
    top = join(
        tag("h1", f"{info['title']} API"),
        tag("p", f"{info['summary']} Version {info['version']}.", class_="lead"),
    )
    machine = tag("a", "openapi.json", href="openapi.json")
    address = tag("p", "Address: ", tag("code", document["servers"][0]["url"]), " · for machines: ", machine)
    about = [*_paragraphs(info["description"]), address, tag("p", tag("a", "All code tables", href="codes"), " (in Norwegian)")]
    return page(
        "en",
        f"{info['title']} API",
        "Skip to the contract",
        top,
        _contents(document),
        *about,
        *_proofs(document),
        *(_group(document, each) for each in document["tags"]),
        *_headers(document),
        *_shapes(document),
    )


def _operations(document: Json, group: str) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if group in item.get(method, {}).get("tags", ()):
                yield method, path, item[method]


def _contents(document: Json) -> Html:
    groups = [
        tag(
            "li",
            _capital(each["name"]),
            tag("ul", *(tag("li", _link(one["operationId"], one["summary"])) for _, _, one in _operations(document, each["name"]))),
        )
        for each in document["tags"]
    ]
    shared = (("proof", "Who you are"), ("headers", "Headers of answers"), ("shapes", "Shapes"))
    more = tag("li", "In all of them", tag("ul", *(tag("li", _link(*each)) for each in shared)))
    return tag("nav", tag("ul", *groups, more), aria_label="Contents")


def _link(anchor: str, words: str) -> Html:
    return tag("a", words, href=f"#{anchor}")


def _proofs(document: Json) -> Iterator[Html]:
    yield tag("h2", "Who you are", id="proof")
    rows = [
        _row(name, _how(scheme), *_paragraphs(scheme["description"]), anchor=f"proof-{name}")
        for name, scheme in document["components"]["securitySchemes"].items()
    ]
    yield tag("dl", *rows)


def _how(scheme: Json) -> str:
    return f"Authorization: {_capital(scheme['scheme'])}" if scheme["type"] == "http" else f"header {scheme['name']}"


def _group(document: Json, group: Json) -> Html:
    sections = (_operation(document, *each) for each in _operations(document, group["name"]))
    return join(tag("h2", _capital(group["name"])), tag("p", group["description"], class_="faint"), *sections)


def _operation(document: Json, method: str, path: str, operation: Json) -> Html:
    name = operation["operationId"]
    proof = [_link(f"proof-{each}", each) for one in operation["security"] for each in one]
    return tag(
        "section",
        tag("h3", _link(name, operation["summary"])),
        tag("p", tag("span", method.upper(), class_=f"verb {method}"), tag("code", path), class_="route"),
        *_paragraphs(operation["description"]),
        tag("p", "Who you are: ", *_listed(proof), "." if proof else "nobody asks."),
        *_asked(document, operation),
        *_sent(document, operation),
        tag("h4", "Answers"),
        tag("dl", *(_answer(document, status, answer) for status, answer in operation["responses"].items()), class_="answers"),
        id=name,
    )


def _listed(links: list[Html], last: str = "or") -> list[Html]:
    """With commas, and a word before the last."""
    between = [Html(", ")] * (len(links) - 2) + [Html(f" {last} ")] * (len(links) > 1)
    return [part for link, after in zip(links, [*between, Html("")], strict=False) for part in (link, after)]


def _asked(document: Json, operation: Json) -> Iterator[Html]:
    if parameters := [_resolved(document, each) for each in operation.get("parameters", ())]:
        yield tag("h4", "Parameters")
        yield tag("dl", *(_parameter(each) for each in parameters))


def _parameter(each: Json) -> Html:
    must = "" if each.get("required") else ", may be left out"
    told = (*_paragraphs(each["description"]), _values(each["schema"]), _sample(each))
    return _row(each["name"], f"{each['in']}{must}", *told)


def _values(schema: Json) -> Html | None:
    if "enum" in schema:
        return tag("p", "One of ", *_listed([tag("code", str(value)) for value in schema["enum"]]), ".")
    return tag("p", "Pattern: ", tag("code", schema["pattern"]), class_="faint") if "pattern" in schema else None


def _sent(document: Json, operation: Json) -> Iterator[Html]:
    if body := operation.get("requestBody"):
        yield tag("h4", "Body")
        yield from _paragraphs(body.get("description", "" if body.get("required") else "May be left out."))
        yield tag("dl", *(_content(document, media, content) for media, content in body["content"].items()))


def _content(document: Json, media: str, content: Json) -> Html:
    examples = [(row["summary"], row["value"]) for row in content.get("examples", {}).values()]
    return _row(media, "", _shape(content["schema"]), *(_example(f"Example: {name}", value) for name, value in examples))


def _answer(document: Json, status: str, answer: Json) -> Html:
    whole = _resolved(document, answer)
    content = [(media, each["schema"], each.get("example")) for media, each in whole["content"].items()]
    kinds = [tag("p", tag("code", media), " ", _shape(schema)) for media, schema, _ in content]
    shown = [_example("Example", example) for _, _, example in content if example is not None]
    headers = [_link(f"header-{name}", name) for name in whole.get("headers", ())]
    told = tag("p", "With ", *_listed(headers, "and"), ".") if headers else None
    return _row(status, "", *_paragraphs(whole["description"]), *kinds, told, *shown)


def _shape(schema: Json) -> Html:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _link(f"shape-{name}", name)
    return tag("span", schema.get("description", "Text of the format's protocol."), class_="faint")


def _example(words: str, value: Any) -> Html:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return tag("details", tag("summary", words), tag("pre", text))


def _headers(document: Json) -> Iterator[Html]:
    """Of answers; those of requests stand at their routes."""
    yield tag("h2", "Headers of answers", id="headers")
    headers = document["components"]["headers"].items()
    rows = (_row(name, "", *_paragraphs(each["description"]), _sample(each), anchor=f"header-{name}") for name, each in headers)
    yield tag("dl", *rows)


def _sample(part: Json) -> Html | None:
    return tag("p", "Example: ", tag("code", str(part["example"])), class_="faint") if part.get("example") else None


def _shapes(document: Json) -> Iterator[Html]:
    yield tag("h2", "Shapes", id="shapes")
    for name, schema in document["components"]["schemas"].items():
        fields = list(_fields(schema))
        told = tag("dl", *fields) if fields else None
        yield tag("section", tag("h3", name), *_paragraphs(schema.get("description", "")), told, id=f"shape-{name}")


def _fields(schema: Json) -> Iterator[Html]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        inner = field.get("items", field)
        nested = list(_fields(inner))
        told = _paragraphs(field.get("description", "") or inner.get("description", ""))
        must = "" if name in required else ", may be absent"
        yield _row(name, f"{_kind(field)}{must}", *told, _values(inner), tag("dl", *nested) if nested else None)


def _kind(field: Json) -> str:
    if "const" in field:
        return f"always {field['const']}"
    kind = field.get("format") or field.get("type", "text" if "enum" in field else "any value")
    return f"list of {_kind(field.get('items', {}))}" if kind == "array" else str(kind)


def _row(name: str, beside: str, *told: Html | str | None, anchor: str = "") -> Html:
    return tag(
        "div",
        tag("dt", tag("code", name), tag("span", beside, class_="faint") if beside else None),
        tag("dd", *told),
        **({"id": anchor} if anchor else {}),
    )


def _resolved(document: Json, part: Json) -> Json:
    if "$ref" not in part:
        return part
    found: Any = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _paragraphs(text: str) -> list[Html]:
    """What the document's descriptions use of CommonMark: paragraphs, code between backticks, addresses in angle brackets."""
    return [tag("p", *_marked(paragraph)) for paragraph in text.split("\n\n") if paragraph]


def _marked(text: str) -> Iterator[str]:
    at = 0
    for found in _MARK.finditer(text):
        yield text[at : found.start()]
        yield tag("code", found[1]) if found[1] else tag("a", found[2].rpartition("/blob/main/")[2], href=found[2])
        at = found.end()
    yield text[at:]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
