"""The national contract, shown: the eight calls of a client that knows nothing of us, and what such a client must not get."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

from local.cases import EKSEMPEL, PROVEVIK
from local.running import Running
from local.terminal import Halt
from local.vkp_client import LOOKS, Client, Look, Result, alarm, calls, look_up

STILLE, RUND = "14834812097", "01815050130"  # invented, as everybody here (local/journal/population.py)
SENDER = "response-centre-vkp"  # the one of local/demo that may do all
Form = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Never:
    """A question that must not be answered: `status` and `code` (vkp-operation-outcome) say why."""

    name: str
    resource: str
    codes: str
    form: Form
    status: int
    code: str
    tenant: str = EKSEMPEL


NEVER = (
    Never("patient, no such service", "patient", "ta", (("identifier", RUND),), 403, "1.3"),
    Never("patient, no ServiceCodes", "patient", "", (("identifier", STILLE),), 403, "1.3"),
    Never("patient, wrong number", "patient", "ta", (("identifier", "14834812098"),), 400, "2.1"),
    Never("condition of everybody", "condition", "ta", (), 400, "2.3"),
    Never("patient of the next municipality", "patient", "ta", (("identifier", STILLE),), 403, "1.2", PROVEVIK),
)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    codes: str
    status: int
    right: bool
    told: str
    ms: float = 0.0


def show(running: Running, check: Callable[[], None]) -> bool:
    """Asks and prints; True if every call was answered as it must be."""
    try:
        client = _client(running, EKSEMPEL)
        good = [_row(one) for one in calls(client, EKSEMPEL, STILLE, alarm(STILLE, datetime.now(UTC)))]
        everybody = look_up(client, EKSEMPEL, "", Look("patient", "rt", "identifier"))
        never = [_never(client, one) for one in NEVER]
    except requests.RequestException as error:
        check()
        raise Halt(f"the hub or the token issuer stopped answering ({type(error).__name__})") from None
    print(f"\n{'  NATIONAL CONTRACT':<35}{'CODES':<8}{'HTTP':<6}{'ANSWER':<60}{'MS':>4}")
    _print("By token, as a client of VKP asks today", [*good, _row(everybody, "patient, everybody with it")])
    _print("What must not be answered", never)
    rows = [*good, *never]
    wrong = sum(not row.right for row in rows) + (not everybody.ok)
    print(f"\n{len(rows) + 1} calls of the national contract: {'all answered as they must be.' if not wrong else f'{wrong} were not.'}")
    return not wrong


def _client(running: Running, tenant: str) -> Client:
    found = next((one for one in running.clients if (one.tenant, one.name) == (tenant, SENDER)), None)
    if found is None:
        raise Halt(f"the demo register has no sender {SENDER} for {tenant}: see local/demo")
    return Client(running.hub, running.issuer, found.client_id, found.private)


def _row(one: Result, name: str = "") -> Row:
    codes = next((look.service_codes for look in LOOKS if look.resource == one.name), "")
    found = ", ".join(f"{count} {kind}" for kind, count in one.resources.items())[:58]
    return Row(name or one.name, codes, one.status, one.ok, one.said or found, one.ms)


def _never(client: Client, one: Never) -> Row:
    began = time.perf_counter()
    headers = {"ServiceCodes": one.codes} if one.codes else {}
    answer = client.post(f"/epj/r4/{one.tenant}/{one.resource}/_search", list(one.form) or None, headers)
    issue = answer.json()["issue"][0]
    code = issue["details"]["coding"][0]["code"]
    right = (answer.status_code, code) == (one.status, one.code)
    return Row(
        one.name, one.codes, answer.status_code, right, f"{code} {issue['details']['text']}"[:58], (time.perf_counter() - began) * 1000
    )


def _print(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}")
    for row in rows:
        line = f"{'✓' if row.right else '✗'} {row.name:<33}{row.codes:<8}{row.status:<6}{row.told}"
        print(f"{line:<108} {row.ms:>4.0f}")
