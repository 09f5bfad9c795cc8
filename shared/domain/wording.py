"""How a municipality words the notes that its journal gets (register: endpoint.note): bokmål with placeholders in braces. Pure text.

{verdier}                  stands for one or more lines
Enhet: {enhet}             a line whose placeholders are all empty is left out
"""

import re
from collections.abc import Mapping

KINDS = {  # what a note is about, as the journal is told
    "alert": "Varsel",
    "dispensed": "Medisin",
    "supervision": "Tilsyn",
    "measurement": "Måling",
    "answers": "Skjema",
    "note": "Notat",
    "message": "Beskjed",
}
PARTS = ("title", "text")
PLACEHOLDERS = {  # the word in braces -> what stands there
    "hendelse": "hva som har hendt, på én linje",
    "status": "Feilført, Foreløpig, Rettet ...; tomt for det som gjelder som det står",
    "type": "Varsel, Medisin, Tilsyn, Måling, Skjema, Notat eller Beskjed",
    "tid": "2. mars 2026 kl. 08.03",
    "dato": "2. mars 2026",
    "klokke": "08.03",
    "verdier": "en linje for hver måling",
    "beskrivelse": "det som ble sagt og gjort, en linje for hvert",
    "forløp": "hvert trinn med klokkeslett",
    "alvorlighet": "Høy alvorlighet",
    "område": "Trygghet og mestring",
    "enhet": "hvilke enheter",
    "ansatt": "hvem av de ansatte",
    "kilde": "løsningen som meldte det",
    "alt": "hele notatet slik knutepunktet ellers ville skrevet det",
}
NEEDED = ("verdier", "beskrivelse")  # what a note must not leave out unsaid
LONGEST = 2000  # characters of a template
_PLACEHOLDER = re.compile(r"\{([a-zæøå]{1,20})\}")


def fault(part: str, template: str) -> tuple[str, str] | None:
    """What is wrong with a title or a text, and what to do; None if nothing is. Nothing of it is quoted but unknown placeholders."""
    if unknown := sorted({name for name in _PLACEHOLDER.findall(template) if name not in PLACEHOLDERS}):
        return f"has unknown placeholders: {', '.join(unknown)}", f"known are: {', '.join(sorted(PLACEHOLDERS))}"
    if re.search(r"[{}]", _PLACEHOLDER.sub("", template)):
        return "has a brace without its other half, or something else than a placeholder in braces", "write placeholders as {hendelse}"
    if part == "title" and len(template.strip().splitlines()) != 1:
        return "is not one line", "write a title on one line"
    return None


def leaves_out(template: str) -> tuple[str, ...]:
    """What a nurse would never see of a note in these words."""
    said = set(_PLACEHOLDER.findall(template))
    return () if "alt" in said else tuple(name for name in NEEDED if name not in said)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its values; what a value says is never read as a placeholder."""
    lines = (_line(line, values) for line in template.strip().splitlines())
    return "\n".join(line for line in lines if line is not None)


def _line(line: str, values: Mapping[str, str]) -> str | None:
    names = _PLACEHOLDER.findall(line)
    if names and not any(values.get(name) for name in names):
        return None
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), line)
