"""The hub's own reasons and remedies in bokmål, sentence by sentence. What a format or a profile table says in its own words stays."""

import re
from collections.abc import Mapping

_SENTENCES: Mapping[str, str] = {  # a pattern: its parts in parentheses are told too, where they are sentences of ours
    # whose answer it was
    "the journal": "journalen",
    "the response centre": "responssenteret",
    "the token endpoint": "tjenesten som gir tilgangstoken",
    # what became of an attempt
    r"(.+); given up after (\d+) days": "{0}; gitt opp etter {1} døgn",
    r"(.+); given up after (\d+) attempts": "{0}; gitt opp etter {1} forsøk",
    "asked whether it has the document: no answer in time": "spurt om dokumentet finnes der: ikke noe svar i tide",
    "asked whether it has the document: (.+)": "spurt om dokumentet finnes der: {0}",
    "may not be asked whether it has the document: (.+)": "lar seg ikke spørre om dokumentet finnes der: {0}",
    "asked for the document's status, (.+)": "spurt om dokumentets status: {0}",
    r"the journal answered (\d+) for (\d+) of (\d+) parts": "journalen svarte {0} for {1} av {2} deler",
    r"the journal answered (\d+) to whether it has a note, without its key": "journalen svarte {0} på om den har notatet",
    r"answer (\d+)": "levert, svar {0}",
    r"(.+) answered (\d+)": "{0} svarte {1}",
    r"no answer from (.+) \((\w+)\)": "ikke noe svar fra {0} ({1})",
    "the journal answered with a web page": "journalen svarte med en nettside",
    "the journal answered with an OperationOutcome that says error": "journalen svarte at det er en feil (OperationOutcome)",
    "its answer is too long": "svaret er for langt",
    "the journal answered with something else than it was asked for": "journalen svarte med noe annet enn den ble spurt om",
    "the journal answered a search with something else than a searchset": "journalen svarte på et søk med noe annet enn et søkeresultat",
    "the journal did not say what became of every part": "journalen sa ikke hva det ble av hver del",
    "the journal did not answer for every part": "journalen svarte ikke for hver del",
    "the journal stored the note under another id than it was given": "journalen lagret notatet under en annen id enn det har",
    r"several of the journal's records have one of the document's identifiers \(412\)": (
        "flere av journalens poster har en av dokumentets identifikatorer (412)"
    ),
    r"the journal refused (\d+) of (\d+) parts \((\d+)\); the others may stand": (
        "journalen sa nei til {0} av {1} deler ({2}); de andre kan stå der"
    ),
    "the end of the shelf was taken by others again and again": "enden av hyllen var opptatt hele tiden",
    "the worker fell three times over this parcel": "knutepunktet feilet tre ganger på denne leveringen",
    r"taken, and not journaled within (\d+) days": "tatt imot, men ikke journalført innen {0} døgn",
    "taken, and then reported as failed": "tatt imot, og så meldt som mislykket",
    r"(\w+) took the document and did not say where its status stands": "{0} tok imot dokumentet og sa ikke hvor statusen står",
    r"the address of the document's status leads away from (\w+)": "adressen til dokumentets status fører bort fra {0}",
    "the answer is no status of a document": "svaret er ikke et dokuments status",
    "parked by hand": "parkert for hånd",
    "deleted by hand": "slettet for hånd",
    "deleted by hand; it may stand in the journal already": "slettet for hånd; kan stå i journalen allerede",
    # why a document does not go there
    "this hub has no such way to reach a journal": "dette knutepunktet kjenner ikke denne måten å nå en journal på",
    "no journal (?:takes|fetches) resources of this type": "ingen journal tar imot ressurser av denne typen",
    r"the document is larger than the (\d+) bytes that (\w+) takes": "dokumentet er større enn de {0} byte som {1} tar imot",
    "the document has nothing that can be told in a note": "dokumentet har ikke noe som kan sies i et notat",
    "the document cannot be told in a note: it (.+)": "dokumentet kan ikke sies i et notat: det {0}",
    "the document names no patient by number": "dokumentet nevner ingen pasient med nummer",
    "the document names two patients": "dokumentet nevner to pasienter",
    "the patient's number is too long to be one": "pasientens nummer er for langt til å være et nummer",
    "the document has nothing in it that a journal could store": "dokumentet har ikke noe som en journal kan lagre",
    "the document has an entry without a resource": "dokumentet har en oppføring uten ressurs",
    "the document cannot be taken apart: it is not JSON": "dokumentet kan ikke deles opp: det er ikke JSON",
    # what the hub lacks to show who it is
    "the setting (.+) has no value here": "innstillingen {0} har ingen verdi her",
    "of the settings (.+) one begins with whsec_ and is no base64 behind it": (
        "en av innstillingene {0} begynner med whsec_ og er ikke base64 bak det"
    ),
    "no client certificate that is valid now in (.+)": "ikke noe klientsertifikat som gjelder nå, i {0}",
    "the setting (.+) holds no client certificate together with its own key": "innstillingen {0} har ikke sertifikat med egen nøkkel",
    "the setting (.+) holds neither a key or certificate nor the path of a file that can be read": (
        "innstillingen {0} har verken nøkkel, sertifikat eller stien til en fil som kan leses"
    ),
    "the setting (.+) holds no client certificate, as PEM or PKCS #12": "innstillingen {0} har ikke et klientsertifikat (PEM, PKCS #12)",
    "the setting (.+) holds no certificate of an authority, as PEM": "innstillingen {0} har ikke et utstedersertifikat (PEM)",
    "the setting (.+) holds (.+)": "innstillingen {0} har {1}",
    "no private key, as JWK or PEM, RSA or EC": "ingen privat nøkkel (JWK, PEM; RSA, EC)",
    "a private key that does not fit the algorithm": "en privat nøkkel som ikke passer til algoritmen",
    "the token endpoint has not answered in time": "tjenesten som gir tilgangstoken, svarte ikke i tide",
    "the token endpoint says (.+)": "tjenesten som gir tilgangstoken, sier {0}",
    "the token endpoint answered 200 without an access token": "tjenesten som gir tilgangstoken, svarte 200 uten token",
    "the token endpoint gave a token that is not the (.+) token asked for": "tjenesten som gir tilgangstoken, ga et annet token enn {0}",
    # why a payload, or a part of it, was set aside
    r"(\$\S*): (.+)": "{0}: {1}",
    "no citizen is registered for this device at that time": "ingen er registrert på enheten på det tidspunktet",
    "bind the device to a citizen in the municipality's register": "knytt enheten til en innbygger i kommunens register",
    "no route leads to a journal": "ingen rute fører til en journal",
    "add a route to the municipality's register": "legg en rute til i kommunens register",
    "the worker fell three times over this payload": "knutepunktet feilet tre ganger på denne meldingen",
    "report it to the hub's operators with the receipt's id": "meld fra til dem som drifter knutepunktet, med kvitteringens id",
    "report it to the hub's operators": "meld fra til dem som drifter knutepunktet",
    "the municipality is no longer in the register": "kommunen er ikke lenger i registeret",
    "register it again and have the receipt transformed anew": "registrer den igjen og få kvitteringen behandlet på nytt",
    "the sender's format is no longer known to this hub": "avsenderens format er ikke lenger kjent her",
    "deploy a version that has the adapter": "ta i bruk en versjon som har formatet",
    "cannot be told as the national profile demands: (.+)": "kan ikke sies slik den nasjonale profilen krever: {0}",
    r"(.+) \(VKP ([\d.]+)\)": "{0} (VKP {1})",
    "is no valid (.+)": "er ikke et gyldig {0}",
    "is under the system of a (.+), but is a (.+)": "står som {0}, men er et {1}",
    "Correct the number and send the resource again.": "Rett nummeret og send ressursen på nytt.",
    "names another citizen than the document is about": "nevner en annen enn den dokumentet gjelder",
    "Send one document per citizen.": "Send ett dokument for hver innbygger.",
    "is missing": "mangler",
    "Send it.": "Send det.",
    "expected an object": "skulle vært et objekt",
    "expected a list": "skulle vært en liste",
    "expected a text": "skulle vært en tekst",
    "expected a number": "skulle vært et tall",
    "expected a whole number": "skulle vært et helt tall",
    "expected true or false": "skulle vært true eller false",
    "expected a text with date and time": "skulle vært en tekst med dato og tid",
    r"Send an object: (.+)\.": "Send et objekt: {0}.",
    r"Send a list: (.+)\.": "Send en liste: {0}.",
    "Send it as a text in quotation marks.": "Send det som tekst i anførselstegn.",
    "Send it on one line.": "Send det på én linje.",
    "Send a number such as 82.5: below 1e9, at most 12 digits, without a unit.": (
        "Send et tall som 82.5: under 1e9, høyst 12 siffer, uten enhet."
    ),
    "Send a whole number such as 17, without quotation marks or decimals.": "Send et helt tall som 17, uten anførselstegn og desimaler.",
    "Send true or false, without quotation marks.": "Send true eller false, uten anførselstegn.",
    r"Send date and time such as (\S+): with seconds and offset, between the years 2000 and 2100.": (
        "Send dato og tid som {0}: med sekunder og avstand fra UTC, mellom 2000 og 2100."
    ),
    r"Send date and time such as (\S+), without offset, as the clocks in (.+) show it\.": (
        "Send dato og tid som {0}, uten avstand fra UTC, slik klokkene i {1} viser det."
    ),
    "Send a code that the page of this format lists.": "Send en kode som formatets side har.",
    r"Shorten it to (\d+) characters\.": "Kort det ned til {0} tegn.",
    "Leave control characters out.": "Utelat kontrolltegn.",
    "Leave the field out when there is nothing to say.": "Utelat feltet når det ikke er noe å si.",
    "is empty": "er tomt",
    r"is longer than (\d+) characters": "er lengre enn {0} tegn",
    "has a control character in it": "har et kontrolltegn i seg",
    "has a tab or a line break in it": "har tabulator eller linjeskift i seg",
    "is a number beyond 1e9": "er et tall over 1e9",
    "is a number of more than 12 digits": "er et tall med mer enn 12 siffer",
    "is too large a number": "er et for stort tall",
    "is a number of too many digits": "er et tall med for mange siffer",
    r"is not one of the (\d+) known codes": "er ikke en av de {0} kjente kodene",
    r"is no time of the form (\S+): (.+)": "er ikke et tidspunkt på formen {0}: {1}",
    r"is no time of the form (\S+)": "er ikke et tidspunkt på formen {0}",
    "it counts seconds": "det teller sekunder",
    "it counts milliseconds or less": "det teller millisekunder eller mindre",
    "the time of day is missing": "klokkeslettet mangler",
    "the seconds are missing": "sekundene mangler",
    "no place has this offset": "ingen steder har denne avstanden fra UTC",
    "a T stands between day and time": "mellom dag og tid står det en T",
    r"is no local time of the form (\S+)": "er ikke et lokalt tidspunkt på formen {0}",
    "has no offset from UTC": "mangler avstand fra UTC",
    "is a day that does not exist": "er en dag som ikke finnes",
    r"is outside the years (\d+) to (\d+)": "er utenfor årene {0} til {1}",
    "does not exist: the clock was put forward over it": "finnes ikke: klokken ble stilt fram forbi det",
    "happened twice: the clock was put back over it": "hendte to ganger: klokken ble stilt tilbake",
}
_PATTERNS = [(re.compile(pattern), told) for pattern, told in _SENTENCES.items()]


def reason(sentence: str) -> str:
    """In bokmål, with the values that stand in it; as it is, if it is none of these."""
    for pattern, told in _PATTERNS:
        if found := pattern.fullmatch(sentence):
            return told.format(*(reason(part) for part in found.groups()))
    return sentence
