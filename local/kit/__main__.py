"""`./hub kit journal`: tries an endpoint and says what to mend."""

import argparse
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from local.kit import options, report
from local.kit.checks import tried
from local.kit.documents import Desk
from local.kit.endpoint import LIMIT, Endpoint
from local.kit.keys import KEYS
from local.kit.lookups import LOOKUPS
from local.kit.pushes import FIRST, LAST, REACHED
from local.kit.sandbox import NAME, Sandbox, running
from local.kit.seen import Finding, Mark
from shared.domain.event import Person
from shared.domain.person import SYSTEMS, Kind

OK, WRONG = 0, 1
FNR = SYSTEMS[Kind.FNR]
KNOWN = (  # invented, and known to the sandbox journal (local/journal/population.py)
    Person(FNR, "14834812097", "Stille Fjellbekk"),
    Person(FNR, "01815050130", "Rund Myrstein"),
    Person(FNR, "29826050002", "Blid Skogstjern"),
    Person(FNR, "31929950081", "Lun Havbris"),
)
ABSENT = Person(FNR, "30814721007", "Fjern Ukjentsen")
PROTECTED, ENDED = Person(FNR, "12853910005"), Person(FNR, "23915112005")


def examined(endpoint: Endpoint) -> Iterator[Finding]:
    """Documents and look-ups are judged apart: a journal may do either without the other."""
    yield from tried(endpoint, (*FIRST, *KEYS, *LAST) if endpoint.base else (REACHED,))
    if endpoint.lookups:
        endpoint.slowest = 0.0
        yield from tried(endpoint, LOOKUPS)


def sandboxed(sandbox: Sandbox, limit: float = LIMIT) -> Endpoint:
    """The sandbox's endpoint, with everybody whom it has a check for."""
    base = f"{sandbox.url}/{NAME}"
    return Endpoint(
        base,
        _desk(KNOWN[0]),
        ABSENT,
        lookups=f"{base}/fhir",
        credential=sandbox.credential,
        others=KNOWN[1:],
        protected=PROTECTED,
        ended=ENDED,
        sight=sandbox,
        limit=limit,
    )


def _given(told: argparse.Namespace) -> Endpoint:
    first, *others = told.patient or KNOWN[:1]
    return Endpoint(
        told.url or "",
        _desk(first),
        ABSENT,
        lookups=told.lookups or "",
        credential=told.credential,
        others=others,
        protected=told.protected,
        ended=told.ended,
    )


def _desk(patient: Person) -> Desk:
    return Desk(patient, secrets.token_hex(3), datetime.now(UTC))


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """The exit code."""
    told = options.read(argv, env)
    if not told.sandbox:
        return _run(_given(told), told.json)
    with running() as sandbox:
        if told.fault:
            sandbox.tell(mode=told.fault)
        return _run(sandboxed(sandbox), told.json)


def _run(endpoint: Endpoint, machines: bool) -> int:
    findings: list[Finding] = []
    for finding in examined(endpoint):
        said = finding.mark is Mark.LOOK and any(one.check == finding.check for one in findings)
        findings.append(finding)
        if not (machines or said):
            print(report.line(finding), flush=True)
    url, prefix = endpoint.base or endpoint.lookups, endpoint.desk.prefix
    print(report.as_json(url, prefix, findings) if machines else report.summary(prefix, findings))
    return OK if report.passed(findings) else WRONG


def _main() -> int:
    try:
        return main(sys.argv[1:], os.environ)
    except BrokenPipeError:  # whoever read the output has gone, as `head` does: what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG


if __name__ == "__main__":
    sys.exit(_main())
