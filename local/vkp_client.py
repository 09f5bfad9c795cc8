"""A sender that knows the national contract only from vkp.md 1.5, 1.6 and 1.9, with the calls and habits of NHN's public sample client.

    python -m local.vkp_client --base URL --issuer URL --client FILE --orgnr N [--patient-file FILE] [--only NAME ...]

FILE of --client is JSON: {"client_id": ..., "private_jwk": {...}}. The patient's number comes from a file or from standard input, never
from the command line, where other users of the machine could read it; without a number (an empty file) the look-ups ask for every patient
and nothing is written. One line per call: name, HTTP status, resources by type, milliseconds, and what was said if it failed. Ends with 1
if one did.

Nothing of the hub is imported, so that whatever works with this client works for a vendor who changes one base URL.
"""

import argparse
import json
import secrets
import sys
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from local.helseid import Discovery, NoToken, Token, ask, discover

SCOPE = "nhn:vkp/api/user/"
MARGIN = 30  # seconds before its end that a token is no longer used
PATIENCE = 60  # seconds for a call
PERIOD = timedelta(days=30)  # plans are asked for this long back and ahead
CODES = "http://ehelse.no/fhir/CodeSystem"
PROFILES = "http://ehelse.no/fhir/StructureDefinition"


@dataclass(frozen=True, slots=True)
class Look:
    """A look-up of the table in vkp.md 1.5."""

    resource: str
    service_codes: str
    person: str  # the parameter that holds the patient's number, bare
    dated: bool = False


LOOKS = (
    Look("patient", "rt", "identifier"),
    Look("episodeofcare", "rt", "patient.identifier"),
    Look("careplan", "ta,gps", "patient.identifier", dated=True),
    Look("composition", "dho", "patient.identifier", dated=True),
    Look("condition", "ta", "patient.identifier"),
    Look("medicationstatement", "ta", "patient.identifier"),
    Look("allergyintolerance", "ta", "identifier"),
)
NAMES = ("bundle", *(look.resource for look in LOOKS))
SCOPES = (f"{SCOPE}bundle.write", *(f"{SCOPE}{look.resource}.read" for look in LOOKS))


@dataclass(frozen=True, slots=True)
class Result:
    """`said` is the hub's own words when it said no, or what is wrong with its answer."""

    name: str
    status: int  # 0: no answer
    ok: bool
    resources: Mapping[str, int] = field(default_factory=dict)  # how many of each type
    said: str = ""
    ms: float = 0.0


class Client:
    """`base` and `issuer` are URLs without a slash at their ends."""

    def __init__(self, base: str, issuer: str, client_id: str, private_jwk: Mapping[str, Any]) -> None:
        self.base = base
        self.session = requests.Session()
        self._issuer = issuer
        self._client_id = client_id
        self._private_jwk = private_jwk
        self._found: Discovery | None = None
        self._token: Token | None = None
        self._until = 0.0

    def access_token(self) -> str:
        """The one it has until 30 s before it ends; discovery happens once. Raises NoToken or requests.RequestException."""
        if self._token is None or time.monotonic() >= self._until:
            asked = time.monotonic()
            self._found = self._found or discover(self.session, self._issuer)
            self._token = ask(self.session, self._found, self._client_id, self._private_jwk, SCOPES)
            self._until = asked + self._token.expires_in - MARGIN
        return self._token.access_token

    def post(self, path: str, body: bytes | list[tuple[str, str]] | None, headers: Mapping[str, str]) -> requests.Response:
        """Pairs become a form. Raises NoToken or requests.RequestException."""
        own = {"Authorization": f"Bearer {self.access_token()}", **headers}
        return self.session.post(f"{self.base}{path}", data=body, headers=own, timeout=PATIENCE, allow_redirects=False)


def calls(client: Client, orgnr: str, patient: str, bundle: bytes, only: Sequence[str] = NAMES) -> list[Result]:
    """All eight, or those named, in the order of NAMES. `patient` "" asks for every patient; an empty bundle is not sent."""
    results = [write(client, orgnr, bundle)] if bundle and "bundle" in only else []
    return results + [look_up(client, orgnr, patient, look) for look in LOOKS if look.resource in only]


def write(client: Client, orgnr: str, bundle: bytes) -> Result:
    # .NET's StringContent says text/plain unless it is told otherwise, and the sample client does not tell it
    return _call("bundle", client, f"/epj/r4/{orgnr}/bundle", bundle, {"Content-Type": "text/plain; charset=utf-8"})


def look_up(client: Client, orgnr: str, patient: str, look: Look) -> Result:
    form = [(look.person, patient), *(_period(datetime.now(UTC)) if look.dated else ())]
    # without a number there is no body at all, and then no dates either
    return _call(
        look.resource, client, f"/epj/r4/{orgnr}/{look.resource}/_search", form if patient else None, {"ServiceCodes": look.service_codes}
    )


def _period(now: datetime) -> list[tuple[str, str]]:
    return [("date", f"{prefix}{moment:%Y-%m-%dT%H:%M:%SZ}") for prefix, moment in (("ge", now - PERIOD), ("le", now + PERIOD))]


def _call(name: str, client: Client, path: str, body: bytes | list[tuple[str, str]] | None, headers: Mapping[str, str]) -> Result:
    start = time.perf_counter()
    try:
        answer = client.post(path, body, headers)
    except NoToken as error:
        return Result(name, 0, False, said=f"no token: {error}")
    except requests.RequestException as error:
        return Result(name, 0, False, said=f"no answer: {type(error).__name__}")
    ms = (time.perf_counter() - start) * 1000
    return _result(name, answer, ms)


def _result(name: str, answer: requests.Response, ms: float) -> Result:
    """2xx is success, 400 is an OperationOutcome, and anything else a failure of the transport (vkp.md 1.10)."""
    try:
        resource = answer.json()
    except ValueError:
        resource = None
    if 200 <= answer.status_code < 300:
        readable = name == "bundle" or isinstance(resource, dict)
        return Result(name, answer.status_code, readable, _count(resource), "" if readable else "not a FHIR resource", ms)
    said = _words(name, resource) if answer.status_code == 400 else "failure of the transport"
    return Result(name, answer.status_code, False, {}, said, ms)


def _count(resource: Any) -> Counter[str]:
    """Of a searchset what is in it; of anything else the thing itself."""
    if not isinstance(resource, dict):
        return Counter()
    if resource.get("resourceType") != "Bundle":
        return Counter([str(resource.get("resourceType"))])
    entries = resource.get("entry")
    held = [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return Counter(str(each.get("resourceType")) for each in held if isinstance(each, dict))


def _words(name: str, outcome: Any) -> str:
    """As the sample client prints them: `diagnostics` of the first issue for a look-up, all the `details.text` for a write."""
    try:
        issues = outcome["issue"]
        return "; ".join(issue["details"]["text"] for issue in issues) if name == "bundle" else str(issues[0]["diagnostics"])
    except (KeyError, TypeError, IndexError):
        return "not the OperationOutcome that this client reads"


def alarm(patient: str, now: datetime) -> bytes:
    """A safety alarm with turn-out (vkp.md 2.7 c), with two habits of NHN's sample: seven digits of a second, and an empty text."""
    composition, issue, device = (f"urn:uuid:{uuid.uuid4()}" for _ in range(3))
    entries = ((composition, _composition(patient, now, issue)), (issue, _issue(patient, now, device)), (device, DEVICE))
    document = {
        "resourceType": "Bundle",
        "identifier": {"system": "https://vft.example.no/hendelse", "value": f"evt-{secrets.token_hex(8)}"},
        "type": "document",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%f}8+00:00",
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
    }
    return json.dumps(document, ensure_ascii=False).encode()


STEPS = (  # minutes ago, composition-event, its text
    (14, "0", ""),  # hendelse meldt
    (13, "1", "op-17"),  # hendelse behandles
    (11, "4", "Hjemmetjenesten sone øst"),  # hendelse til utrykning
    (10, "5", "Hjemmetjenesten sone øst"),  # hendelse ok utrykning
    (2, "6", "Fall på bad"),  # årsak
    (1, "3", "op-17"),  # hendelse kvittert
)
DEVICE = {
    "resourceType": "Device",
    "identifier": [
        {"system": "https://respons.example.no/imei", "value": ""},
        {"system": "https://respons.example.no/transmitter", "value": "TX-88-0042"},
    ],
    "deviceName": [{"name": "Pendant P2", "type": "model-name"}],
    "type": {"coding": [{"system": "https://respons.example.no/product", "code": "136"}]},
    "owner": {"display": "Eksempel kommune"},
}


def _composition(patient: str, now: datetime, issue: str) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "meta": {"profile": [f"{PROFILES}/vkp-Composition-v090"]},
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "34133-9", "display": "Summarization of episode note"}]},
        "category": [_coded("composition-category", "1")],
        "subject": _person(patient),
        "date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "author": [{"identifier": {"system": "https://respons.example.no/operator", "value": "op-17"}, "display": "Operatør 17"}],
        "title": "Journalnotat for respons på hendelse",
        "event": [_step(now - timedelta(minutes=ago), code, text) for ago, code, text in STEPS],
        "section": [
            {
                "title": "Oppfølging",
                "code": _coded("composition-section", "1.1"),
                "text": {
                    "status": "additional",
                    "div": '<div xmlns="http://www.w3.org/1999/xhtml">Falt på badet, ingen synlig skade. Fulgt i seng.</div>',
                },
                "entry": [{"reference": issue}],
            }
        ],
    }


def _issue(patient: str, now: datetime, device: str) -> dict[str, Any]:
    return {
        "resourceType": "DetectedIssue",
        "meta": {"profile": [f"{PROFILES}/vkp-DetectedIssue-v090"]},
        "status": "final",
        "code": {**_coded("alert-code", "3"), "text": "Trygghetsalarm utløst"},
        "patient": _person(patient),
        "identifiedDateTime": f"{now - timedelta(minutes=14):%Y-%m-%dT%H:%M:%SZ}",
        "author": {"reference": device},
        "severity": "high",
    }


def _coded(table: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{CODES}/vkp-{table}-v090", "code": code}]}


def _step(moment: datetime, code: str, text: str) -> dict[str, Any]:
    said = {"text": text} if text else {}
    return {"code": [{**_coded("composition-event", code), **said}], "period": {"start": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}}


def _person(number: str) -> dict[str, Any]:
    return {"identifier": {"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": number}}


def main() -> int:
    options = _options()
    try:
        credentials = json.loads(options.client.read_bytes())
        client = Client(options.base.rstrip("/"), options.issuer.rstrip("/"), credentials["client_id"], credentials["private_jwk"])
        patient = (options.patient_file.read_text() if options.patient_file else sys.stdin.read()).strip()
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"vkp_client: --client or --patient-file cannot be read ({type(error).__name__})", file=sys.stderr)
        return 2
    with client.session:
        results = calls(client, options.orgnr, patient, alarm(patient, datetime.now(UTC)) if patient else b"", options.only or NAMES)
    for result in results:
        print(_line(result))
    return 0 if results and all(result.ok for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.vkp_client", description="The calls of NHN's sample client, against any base URL."
    )
    parser.add_argument("--base", required=True, help="what stands before /epj/r4/")
    parser.add_argument("--issuer", required=True, help="of tokens: its URL, as in `iss`")
    parser.add_argument("--client", type=Path, required=True, help="JSON with client_id and private_jwk")
    parser.add_argument("--orgnr", required=True, help="the municipality's organisation number")
    parser.add_argument("--patient-file", type=Path, help="holds the patient's number; default: standard input")
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME", help=f"some of: {', '.join(NAMES)}")
    return parser.parse_args()


def _line(result: Result) -> str:
    found = ", ".join(f"{kind} {count}" for kind, count in sorted(result.resources.items()))
    return f"{result.name:20}{result.status:4}  {found or '-':40}{result.ms:7.0f} ms  {result.said}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
