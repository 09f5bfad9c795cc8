"""Look-ups: what the hub adds to the journal's own time, and what checking a token costs.

A real hub, the sandbox journal and the sandbox token issuer. The hub says in Server-Timing how long it waited for the journal (two calls:
the citizen's services, then what was asked for); everything else of what the caller waited is the hub's own: HTTP, token, register,
permission, the audit log's entry, the searchset.
"""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time

import aiohttp
import requests
from joserfc.jwk import import_key

from local.bench import register
from local.bench.emulator import emulator
from local.bench.figures import Figures, percentile
from local.bench.process import child, until_said
from local.bench.sides import environment
from local.helseid import SandboxIssuer, new_client, serving, token
from local.processes import free_ports
from local.terminal import Halt
from shared.access import token as tokens
from shared.access.issuer import Issuer

CITIZEN, ORGNR, VKP_ID = "14834812097", "310123455", "Eksempel_Bench"
FLIGHT = 16
REGISTER = f"""
[tenant]
orgnr = "{ORGNR}"
name = "Eksempel kommune"

[[sender]]
name = "bench"
title = "Responssenter"
auth = {{ scheme = "token", vkp_id = "{VKP_ID}" }}
resources = ["careplan.read"]
service_codes = ["ta"]

[[service]]
code = "ta"
codes = ["6"]

[lookup]
adapter = "fhir"
url = "${{JOURNAL_URL}}/gerica/fhir"
"""
_JOURNAL = re.compile(r"journal;dur=([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Desk:
    """Where to ask, and what to show."""

    url: str
    headers: Mapping[str, str]
    session: aiohttp.ClientSession

    async def ask(self) -> tuple[float, float]:
        """Milliseconds in all, and of those the journal's."""
        began = perf_counter()
        async with self.session.post(self.url, data={"patient.identifier": CITIZEN}, headers=self.headers) as answer:
            body = await answer.read()
        took = (perf_counter() - began) * 1000
        found = _JOURNAL.search(answer.headers.get("Server-Timing", ""))
        if answer.status != 200 or found is None or b"CarePlan" not in body:
            raise Halt(f"a look-up was answered with {answer.status}")
        return took, float(found[1])


async def measure(directory: Path, times: int) -> Figures:
    """`times` look-ups one after the other, as many with several in flight, and as many token checks."""
    private, row = new_client("bench", VKP_ID, ["nhn:vkp/api/user/careplan.read"])
    with serving([row]) as issuer:
        shown = await asyncio.to_thread(_token, issuer, private)
        async with _desk(directory, issuer, shown) as desk:
            for _ in range(20):
                await desk.ask()
            alone = [await desk.ask() for _ in range(times)]
            together = await _together(desk, times)
        checks = _checks(issuer, shown, times)
    return {
        **_spread("overhead", [all_of_it - journal for all_of_it, journal in alone]),
        **_spread("journal", [journal for _, journal in alone]),
        **_spread(f"overhead_{FLIGHT}_in_flight", [all_of_it - journal for all_of_it, journal in together]),
        **_spread("token_check", checks),
        "look_ups": times,
    }


def _token(issuer: SandboxIssuer, private: Mapping[str, object]) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return token(session, issuer.url, "bench", private, ["nhn:vkp/api/user/careplan.read"]).access_token


@asynccontextmanager
async def _desk(directory: Path, issuer: SandboxIssuer, shown: str) -> AsyncIterator[Desk]:
    journal, port = free_ports(2)
    async with emulator(directory, "lookups") as storage:
        env = {**environment(storage.connection_string, secrets.token_hex(8)), "HUB_ISSUERS": f'[{{"issuer": "{issuer.url}"}}]'}
        await register.write(directory, env, f"http://127.0.0.1:{journal}", REGISTER)
        said = directory / "lookups-journal.log"
        async with child("the sandbox journal", (sys.executable, "-m", "local.journal", "--port", str(journal)), said) as there:
            await until_said(there, "Sandbox journal")
            host = (sys.executable, "-m", "local.host", "--port", str(port))
            async with child("the hub", host, directory / "lookups-hub.log", env) as app, aiohttp.ClientSession() as session:
                await until_said(app, "listening on")
                headers = {"Authorization": f"Bearer {shown}", "ServiceCodes": "ta"}
                yield Desk(f"http://127.0.0.1:{port}/epj/r4/{ORGNR}/careplan/_search", headers, session)


async def _together(desk: Desk, times: int) -> list[tuple[float, float]]:
    async def some(number: int) -> list[tuple[float, float]]:
        return [await desk.ask() for _ in range(number)]

    found = await asyncio.gather(*(some(times // FLIGHT) for _ in range(FLIGHT)))
    return [one for each in found for one in each]


def _checks(issuer: SandboxIssuer, shown: str, times: int) -> list[float]:
    """Milliseconds of each check, warm: everything between the header's text and its claims but fetching keys."""
    issuers = [Issuer(issuer.url)]
    keys = {row["kid"]: row for row in issuer.jwks()["keys"]}
    import_key(dict(next(iter(keys.values()))))  # the library is loaded
    took = []
    for _ in range(times + 20):
        began = perf_counter()
        presented = tokens.look(shown, issuers)
        tokens.verify(presented, keys[presented.kid], time())
        took.append((perf_counter() - began) * 1000)
    return took[20:]


def _spread(name: str, values: list[float]) -> Figures:
    return {f"{name}_p{percent}_ms": round(percentile(values, percent), 3) for percent in (50, 99)}
