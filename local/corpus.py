"""`./hub corpus DIR`: posts every file of a folder at every route of the running hub, properly signed, and tells what came of it.

However odd the bytes: no answer may be 5xx, what was taken must reach an end, and the host must not stumble. Exit code 1 otherwise.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from local import signing
from local.cases import EKSEMPEL, PROVEVIK
from local.helseid import token
from local.prepare import HUB
from local.terminal import Halt, Parser, say
from shared.access.rows import Auth

RESOURCES = ("bundle", "medicationdispense", "composition", "encounter")  # of the national path
BY_TOKEN = (  # municipality, path, what it is called: one municipality mends, the other is strict
    (EKSEMPEL, "communication", "token communication"),
    *((PROVEVIK, resource, f"strict {resource}") for resource in RESOURCES),
    (EKSEMPEL, "patient/_search", "look-up patient"),
)
NATIONAL = "vkp"
NOT_YET = ("received", "transformed")
AT_ONCE = 8
PATIENCE = 300.0  # seconds until a receipt without an end is called unsettled
TIMEOUT = 60.0
RENEWED = 300.0  # seconds that a token is used

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Route:
    """A door, and who may knock there."""

    name: str
    url: str
    base: str
    headers: Callable[[bytes], Mapping[str, str]]  # what proves who sends these bytes


@dataclass(slots=True)
class Bearer:
    """A client of the sandbox issuer, with a token that is renewed in time."""

    issuer: str
    client: Mapping[str, Any]
    shown: str = field(default="", repr=False)
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def headers(self, _signed: bytes) -> Mapping[str, str]:
        with self.lock:
            if time.monotonic() > self.until:
                got = token(_session(), self.issuer, self.client["client_id"], self.client["private_jwk"], self.client["scopes"])
                self.shown, self.until = got.access_token, time.monotonic() + RENEWED
        return {"Authorization": f"Bearer {self.shown}", "ServiceCodes": "rt"}


@dataclass(frozen=True, slots=True)
class Case:
    """A file at a route; `path`: where its receipt is told."""

    route: Route
    file: Path
    status: int
    path: str = ""


def main() -> int:
    parser = Parser(prog="./hub corpus", description="Posts every file of a folder at every route of the running hub.", allow_abbrev=False)
    parser.add_argument("folder", type=Path, metavar="DIR", help="where the payloads are")
    parser.add_argument(
        "--run", type=Path, default=HUB / "run.json", metavar="FILE", help="what the running hub wrote down (.hub/run.json)"
    )
    parser.add_argument("--log", type=Path, default=HUB / "logs" / "hub.log", metavar="FILE", help="the host's log (.hub/logs/hub.log)")
    given = parser.parse_args()
    try:
        return run(given.folder, given.run, given.log)
    except Halt as halt:
        say(f"hub corpus: {halt}")
        return halt.status
    except requests.RequestException as error:
        say(f"hub corpus: the hub stopped answering ({type(error).__name__})")
        return 1


def run(folder: Path, where: Path, log: Path) -> int:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        raise Halt(f"there is no file in {folder}")
    routes = list(routes_of(_read(where)))
    before, began = _faults(log), time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        cases = list(pool.map(lambda one: post(*one), ((route, file) for file in files for route in routes)))
        ends = list(pool.map(follow, cases))
    show(routes, cases, ends)
    bad = [f"{case.file.relative_to(folder)} at {case.route.name}: {case.status}" for case in cases if case.status >= 500]
    bad += [f"{case.file.relative_to(folder)} at {case.route.name}: {end}" for case, end in zip(cases, ends, strict=True) if end in NOT_YET]
    bad += _faults(log)[len(before) :]
    print(f"\n{len(files)} files at {len(routes)} routes in {time.monotonic() - began:.0f} s: {len(bad)} faults")
    print(*bad, sep="\n")
    return 1 if bad else 0


def routes_of(run: Mapping[str, Any]) -> Iterator[Route]:
    """Every format at its own door, through the first active sender that the demo register has for it."""
    base = str(run["hub"]["url"])
    seen: set[str] = set()
    for sender in run["senders"]:
        for adapter in [one for one in sender["adapters"] if sender["active"] and one not in seen]:
            seen.add(adapter)
            told = sender["auth"]
            auth = Auth(told["scheme"], told.get("header") or told.get("profile", ""), told.get("user", ""), ())
            for name, path in _doors(adapter, sender["tenant"]):
                yield Route(name, base + path, base, partial(signing.headers, auth, told["secret"]))
    yield from _by_token(run, base)


def _by_token(run: Mapping[str, Any], base: str) -> Iterator[Route]:
    """The national contract, through the client of each municipality that may do most."""
    able = sorted(run["clients"], key=lambda client: len(client["scopes"]))
    bearers = {client["tenant"]: Bearer(run["issuer"]["url"], client) for client in able}
    for orgnr, path, name in BY_TOKEN:
        yield Route(name, f"{base}/epj/r4/{orgnr}/{path}", base, bearers[orgnr].headers)


def _doors(adapter: str, orgnr: str) -> list[tuple[str, str]]:
    if adapter == NATIONAL:
        return [(f"{NATIONAL} {resource}", f"/epj/r4/{orgnr}/{resource}") for resource in RESOURCES]
    return [(adapter, f"/api/v1/{orgnr}/{adapter}")]


def post(route: Route, file: Path) -> Case:
    body = file.read_bytes()
    answer = _session().post(route.url, data=body, headers=route.headers(body), timeout=TIMEOUT)
    return Case(route, file, answer.status_code, answer.headers.get("Location", ""))


def follow(case: Case) -> str:
    """The word that its receipt ends with; "" if it was refused at the door."""
    limit, said = time.monotonic() + PATIENCE, NOT_YET[0]
    while case.path and said in NOT_YET and time.monotonic() < limit:
        answer = _session().get(case.route.base + case.path, headers=case.route.headers(case.path.encode()), timeout=TIMEOUT)
        said = answer.json()["status"] if answer.status_code == 200 else f"receipt {answer.status_code}"
        if said in NOT_YET:
            time.sleep(0.1)
    return said if case.path else ""


def show(routes: Sequence[Route], cases: Sequence[Case], ends: Sequence[str]) -> None:
    """A line for each route: how often each status was answered, and what became of what was taken."""
    answered = {route.name: Counter(str(case.status) for case in cases if case.route is route) for route in routes}
    ended = {route.name: Counter(end for case, end in zip(cases, ends, strict=True) if end and case.route is route) for route in routes}
    columns = [
        *sorted({one for counts in answered.values() for one in counts}),
        *sorted({one for counts in ended.values() for one in counts}),
    ]
    print(f"{'route':<24}" + "".join(f"{column:>13}" for column in columns))
    for route in routes:
        counts = answered[route.name] + ended[route.name]
        print(f"{route.name:<24}" + "".join(f"{counts[column] or '-':>13}" for column in columns))


def _read(where: Path) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(where.read_text())
    except FileNotFoundError:
        raise Halt(f"no hub runs here ({where} is not there): start one with ./hub run") from None
    return found


def _faults(log: Path) -> list[str]:
    """What the host called a fault: errors that nobody caught, poison, storage. What alarms a human on purpose is none."""
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    loud = (line for line in lines if " ERROR " in line or "Traceback" in line)
    return [line for line in loud if '"set aside on the alarm lane"' not in line and '"parked"' not in line]


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.trust_env = False
    found: requests.Session = _local.session
    return found


if __name__ == "__main__":
    sys.exit(main())
