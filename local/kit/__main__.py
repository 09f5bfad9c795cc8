"""`./hub kit journal`: tries an endpoint and says what to mend."""

import argparse
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from local.frame import OK, USAGE, WRONG
from local.kit import options, report
from local.kit.checks import tried
from local.kit.documents import Desk
from local.kit.endpoint import LIMIT, Endpoint, Slowest
from local.kit.lookups import LOOKUPS
from local.kit.options import Target
from local.kit.proof import Proof, proving
from local.kit.pushes import REACHED
from local.kit.sandbox import NAME, Sandbox, running
from local.kit.seen import Finding, Mark
from local.kit.ways import WAYS
from local.prepare import HUB
from local.register import environment, running_here
from local.terminal import heard
from shared.domain.event import Person
from shared.domain.person import SYSTEMS, Kind
from shared.settings import BadSetting

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
    yield from tried(endpoint, (*REACHED, *(WAYS[endpoint.way.name].checks if endpoint.base else ())))
    if endpoint.lookups:
        endpoint.slowest = Slowest()
        yield from tried(endpoint, LOOKUPS)


def sandboxed(sandbox: Sandbox, limit: float = LIMIT, way: str = "bundle") -> Endpoint:
    """The sandbox's endpoint, with everybody whom it has a check for."""
    base, centre = f"{sandbox.url}/{NAME}", WAYS[way].adapter.acknowledges
    return Endpoint(
        base + WAYS[way].path,
        _desk(KNOWN[0], way),
        ABSENT,
        sandbox.signing if centre else sandbox.proof,
        lookups="" if centre else f"{base}/fhir",
        way=WAYS[way].adapter,
        others=KNOWN[1:],
        protected=PROTECTED,
        ended=ENDED,
        sight=sandbox,
        limit=limit,
    )


def _given(told: argparse.Namespace, target: Target, proof: Proof) -> Endpoint:
    first, *others = told.patient or KNOWN[:1]
    return Endpoint(
        target.base,
        _desk(first, target.way),
        ABSENT,
        proof,
        lookups=target.lookups,
        way=WAYS[target.way].adapter,
        lines=target.lines,
        rate=target.rate,
        others=others,
        protected=told.protected,
        ended=told.ended,
    )


def _desk(patient: Person, way: str) -> Desk:
    return Desk(patient, secrets.token_hex(3), datetime.now(UTC), alerts=WAYS[way].adapter.acknowledges)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """The exit code."""
    told = options.read(argv, env)
    if not told.sandbox:
        try:
            with proving(told.target.auth, env) as proof:
                return _run(_given(told, told.target, proof), told.json)
        except BadSetting as error:
            print(f"hub: {error}", file=sys.stderr)
            return USAGE
    with running() as sandbox:
        if told.fault:
            sandbox.tell(mode=told.fault)
        return _run(sandboxed(sandbox, way=told.way or "bundle"), told.json)


def _run(endpoint: Endpoint, machines: bool) -> int:
    findings: list[Finding] = []
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for finding in examined(endpoint):
        said = finding.mark is Mark.LOOK and any(one.check == finding.check for one in findings)
        findings.append(finding)
        if not (machines or said):
            print(report.folded(report.line(finding), width), flush=True)
    url, prefix, page = endpoint.base or endpoint.lookups, endpoint.desk.prefix, WAYS[endpoint.way.name].page
    print(report.as_json(url, prefix, findings) if machines else report.folded(report.summary(prefix, findings, page), width))
    return OK if report.passed(findings) else WRONG


def _main() -> int:
    return main(sys.argv[1:], environment(running_here(HUB / "run.json", os.environ), os.environ))


if __name__ == "__main__":
    sys.exit(heard(_main))
