"""All code tables as a page in bokmål, for whoever maps a device's codes or reads a note's."""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.contract.markup import Html, join, page, tag
from shared.fhir import terminology

Row = Mapping[str, Any]

_TITLES = {  # in the order of the page; a table that is not here comes last, under its own name
    "alert-code": "Varsler",
    "medicationdispense-events": "Utlevering av medisin",
    "legacy-dispenser": "Medisindispenserens eldre koder",
    "measurements": "Målinger",
    "blood-pressure-site": "Blodtrykk: målested",
    "blood-pressure-method": "Blodtrykk: metode",
    "composition-category": "Notatets kategori",
    "composition-event": "Hendelsens gang",
    "composition-section": "Notatets deler",
    "note-type": "Notatets type",
    "encounter-mode": "Tilsynets måte",
    "encounter-reason": "Tilsynets årsak",
    "encounter-class": "Tilsynets art",
    "act-code": "Tilsynets art i FHIR",
    "detectedissue-severity": "Varselets alvorlighet",
    "severity-level": "Alvorlighet",
    "triage": "Hastegrad",
    "careplan-category": "Planens kategori",
    "contact-relationship": "Kontaktpersonens rolle",
    "operation-outcome": "Feilkoder",
    "message-event": "Meldingens hendelse",
    "volven": "Volven",
}
_SYSTEMS = {"http://loinc.org": "LOINC", "http://snomed.info/sct": "SNOMED CT", "urn:oid:2.16.578.1.12.4.1.1.7280": "NLK"}


def codes_page() -> bytes:
    """To be sent with markup.HEADERS."""
    names = sorted(terminology.tables(), key=lambda name: ([*_TITLES, name].index(name), name))
    lead = "Kodene som går gjennom knutepunktet, slik de er publisert. En ukjent kode stanser aldri en melding."
    top = join(tag("h1", "Kodetabeller"), tag("p", lead, class_="lead"))
    contents = tag("nav", tag("ul", *(tag("li", tag("a", _title(name), href=f"#{name}")) for name in names)), aria_label="Innhold")
    return page("nb", "Kodetabeller | Knutepunkt", "Hopp til tabellene", top, contents, *map(_section, names))


def _title(name: str) -> str:
    return _TITLES.get(name, name)


def _section(name: str) -> Html:
    table = terminology.tables()[name]
    listed = "concepts" in table
    rows = _concepts(name, table["concepts"]) if listed else _measurements(name, table["measurements"])
    columns = ("Kode", "Tekst og forklaring") if listed else ("Måling", "Enhet og koder")
    head = tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))
    caption = tag("caption", *_origin(name, table))
    return tag("section", tag("h2", _title(name)), tag("table", caption, head, tag("tbody", *rows)), id=name)


def _origin(name: str, table: Row) -> Iterable[str]:
    if "system" in table:
        yield tag("code", table["system"])
        yield " "
    part = "Et utdrag. " if table.get("content") == "fragment" else ""
    yield f"Versjon {table['version']}. {part}Kilde: {table['source'].replace('`', '')}. "
    if "concepts" in table:
        yield tag("a", "FHIR CodeSystem", href=f"codes/{name}")


def _concepts(name: str, concepts: Iterable[Row]) -> Iterable[Html]:
    above = {terminology.parent(name, concept["code"]) for concept in concepts}
    for concept in concepts:
        code, leads = concept["code"], _leads(concept)
        anchor, depth = f"{name}-{code}", min(_depth(name, code), 3)
        first = tag("th", tag("a", code, href=f"#{anchor}"), scope="row", class_=f"d{depth}")
        told = ". ".join(concept[key].rstrip(".") for key in ("definition", "note") if concept.get(key))
        words = [tag("span", concept["display"]), tag("span", *leads, told, class_="faint")]
        yield tag("tr", first, tag("td", tag("div", *words, class_="said")), id=anchor, **({"class_": "top"} if code in above else {}))


def _depth(name: str, code: str) -> int:
    """How many codes it stands under."""
    above = terminology.parent(name, code)
    return 0 if above is None else 1 + _depth(name, above)


def _leads(concept: Row) -> list[str]:
    """Where a code of an old list is found today."""
    if not (to := concept.get("to")):
        return []
    table, code = to["table"], to["code"]
    words = f"{code} {terminology.display(table, code)}"
    return ["Nå ", tag("a", words, href=f"#{table}-{code}"), ". " if concept.get("note") else "."]


def _measurements(name: str, rows: Mapping[str, Row]) -> Iterable[Html]:
    for quantity, row in rows.items():
        codes = ", ".join(f"{_SYSTEMS.get(one['system'], one['system'])} {one['code']}" for one in row["coding"])
        words = [
            tag("span", " eller ".join(row.get("ucum", ()))),
            tag("span", ". ".join(filter(None, (codes, row.get("note")))), class_="faint"),
        ]
        first = tag("th", row["display"], scope="row", class_=f"wide d{int('of' in row)}")
        yield tag("tr", first, tag("td", tag("div", *words, class_="said")), id=f"{name}-{quantity}")
