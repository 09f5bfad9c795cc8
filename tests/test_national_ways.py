"""The national contract's other ways, on a hub of its own: DPoP for reads, Bearer for writes, 400 for clients that read nothing else."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import requests
from joserfc.jwk import ECKey

from local.helseid import SandboxIssuer, dpop_proof, new_client, serving, token
from local.processes import free_ports
from shared.access.permission import ACTIONS, RECEIPT
from shared.door.prove import bound
from tests.running import DEVICES, PREFIX, RUND, SHELF, STILLE, VKP_ID, Town, example, hub_running, wire
from tests.test_national import code_of

DISPENSE = example("vkp", "dispense.json")


class Elsewhere(NamedTuple):
    """`second`: another issuer whom the hub believes, but for no sender of this municipality."""

    town: Town
    second: SandboxIssuer


@pytest.fixture(scope="module")
def elsewhere(accounts: Iterator[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A municipality of a hub that takes DPoP for reads and answers as old clients like it."""
    private, row = new_client("national", VKP_ID, [f"{PREFIX}{action}" for action in ACTIONS])
    [port] = free_ports(1)
    settings = {
        "PORT": str(port),
        "HUB_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "HUB_DPOP": "*.read, receipt.read",
        "HUB_VKP_STATUS": "compatible",
    }
    with serving([row]) as issuer, serving([row]) as second:
        settings["HUB_ISSUERS"] = json.dumps([{"issuer": issuer.url}, {"issuer": second.url}])
        with hub_running(next(accounts), tmp_path_factory.mktemp("ways"), issuer, private, settings) as hub:
            yield Elsewhere(hub.town(DEVICES + SHELF.format(vkp_id=VKP_ID)), second)


def test_one_issuer_s_word_does_not_count_for_another_s_sender(elsewhere: Elsewhere) -> None:
    town, second = elsewhere
    ours = town.hub.issuer
    kids = [key["kid"] for key in ours.jwks()["keys"]]
    told = [
        second.mint(),  # a good token of the second issuer, with the vkp-id of a sender of the first
        second.mint({"iss": ours.url}),  # says that it is from the first
        second.mint({"iss": ours.url}, {"kid": kids[0]}),  # and names the first's key
        ours.mint({"iss": second.url}),
    ]
    answers = [town.write(DISPENSE, "medicationdispense", {"Authorization": f"Bearer {one}"}) for one in told]
    assert [code_of(answer) for answer in answers] == ["1.2", "1.5", "1.5", "1.5"]


class Holder:
    """A client with a key of its own and a token that is bound to it."""

    def __init__(self, town: Town) -> None:
        self.town, self.key = town, ECKey.generate_key("P-256")
        scopes = [f"{PREFIX}{action}" for action in ACTIONS]
        self.token = token(wire(), town.hub.issuer.url, "national", town.hub.private, scopes, self.key).access_token

    def url(self, resource: str) -> str:
        return f"{self.town.hub.url}/epj/r4/{self.town.orgnr}/{resource}/_search"

    def proof(self, method: str = "POST", url: str = "", access_token: str = "", key: ECKey | None = None) -> str:
        return dpop_proof(key or self.key, method, url or self.url("patient"), access_token or self.token)

    def search(self, proof: str, resource: str = "patient", scheme: str = "DPoP") -> requests.Response:
        headers = {"Authorization": f"{scheme} {self.token}", "DPoP": proof, "ServiceCodes": "ta"}
        return requests.post(self.url(resource), data={"identifier": STILLE}, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def holder(elsewhere: Elsewhere) -> Holder:
    return Holder(elsewhere.town)


def test_a_token_with_its_proof_opens_a_route_that_takes_dpop(holder: Holder) -> None:
    assert holder.search(holder.proof()).status_code == 200


def test_a_proof_is_good_once(holder: Holder) -> None:
    proof = holder.proof()
    assert [holder.search(proof).status_code for _ in range(3)] == [200, 400, 400]


def test_of_many_at_once_with_one_proof_one_gets_through(holder: Holder) -> None:
    proof = holder.proof()
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: holder.search(proof).status_code, range(24)))
    assert sorted(answers) == [200, *[400] * 23]


@pytest.mark.parametrize("wrong", ["method", "address", "resource", "token", "key", "none", "twice", "host"])
def test_a_proof_for_something_else_opens_nothing(holder: Holder, wrong: str) -> None:
    ways: dict[str, Callable[[], str]] = {
        "method": lambda: holder.proof("GET"),
        "address": lambda: holder.proof(url=f"{holder.town.hub.url}/epj/r4/310999999/patient/_search"),
        "resource": lambda: holder.proof(url=holder.url("careplan")),
        "host": lambda: holder.proof(url=holder.url("patient").replace("127.0.0.1", "localhost")),
        "token": lambda: holder.proof(access_token=holder.token[:-4] + "AAAA"),
        "key": lambda: holder.proof(key=ECKey.generate_key("P-256")),
        "none": lambda: "",
        "twice": lambda: f"{holder.proof()}, {holder.proof()}",
    }
    answer = holder.search(ways[wrong]())
    assert (answer.status_code, code_of(answer)) == (400, "1.5") and answer.headers["WWW-Authenticate"].startswith("DPoP ")


def test_a_route_that_takes_dpop_takes_no_bearer(holder: Holder) -> None:
    assert code_of(holder.search(holder.proof(), scheme="Bearer")) == "1.5"
    assert code_of(holder.town.search("patient", {"identifier": STILLE})) == "1.5"


def test_who_shows_nothing_is_told_which_kind_of_token_the_route_takes(holder: Holder) -> None:
    told = requests.post(f"{holder.town.hub.url}/epj/r4/{holder.town.orgnr}/medicationdispense", data=DISPENSE, timeout=30)
    assert "Bearer" in told.headers["WWW-Authenticate"] and "DPoP" not in told.headers["WWW-Authenticate"]


def test_a_route_that_takes_bearer_takes_no_dpop(holder: Holder) -> None:
    url = f"{holder.town.hub.url}/epj/r4/{holder.town.orgnr}/medicationdispense"
    bound = {"Authorization": f"DPoP {holder.token}", "DPoP": holder.proof(url=url)}
    for headers in (bound, {"Authorization": f"Bearer {holder.token}"}):
        assert code_of(requests.post(url, data=DISPENSE, headers=headers, timeout=30)) == "1.5"
    assert holder.town.write(DISPENSE, "medicationdispense").status_code == 202


@pytest.mark.parametrize(
    ("dpop", "writes", "receipts"),
    [("", False, False), ("*.read", False, False), ("*.write", True, True), ("*", True, True), ("receipt.read", False, True)],
)
def test_a_receipt_takes_what_writes_do(dpop: str, writes: bool, receipts: bool) -> None:
    hub: Any = SimpleNamespace(settings=SimpleNamespace(dpop=frozenset(dpop.split())))
    assert (bound(hub, "bundle.write"), bound(hub, RECEIPT)) == (writes, receipts)


def test_a_receipt_is_asked_for_with_a_proof_of_its_own(holder: Holder) -> None:
    answer = holder.town.write(DISPENSE, "medicationdispense")
    url = holder.town.hub.url + answer.headers["Location"]
    headers = {"Authorization": f"DPoP {holder.token}", "DPoP": holder.proof("GET", url)}
    assert requests.get(url, headers=headers, timeout=30).status_code == 200


def test_a_journal_fetches_and_acknowledges_with_a_proof_for_each_call(holder: Holder) -> None:
    town = holder.town
    base = f"{town.hub.url}/jft/{town.orgnr}/v1/Composition"
    proven = {"Authorization": f"DPoP {holder.token}"}
    fetched = requests.get(f"{base}?_count=5", headers={**proven, "DPoP": holder.proof("GET", base)}, timeout=30)
    assert fetched.status_code == 200 and fetched.json()["link"][0]["url"].startswith(base)
    acknowledged = f"{base}/00000000-0000-4000-8000-000000000000/$journaling-acknowledged"
    told = [
        requests.post(acknowledged, headers={**proven, "DPoP": holder.proof("POST", acknowledged)}, timeout=30),
        requests.post(acknowledged, headers={**proven, "DPoP": holder.proof("POST", base)}, timeout=30),
        requests.get(base, headers={"Authorization": f"Bearer {holder.token}"}, timeout=30),
    ]
    assert [code_of(one) for one in told] == ["2.2", "1.5", "1.5"]


def test_what_the_caller_can_mend_is_400_for_clients_that_read_nothing_else(holder: Holder) -> None:
    town = holder.town
    no_service = requests.post(
        holder.url("patient"),
        data={"identifier": RUND},
        headers={"Authorization": f"DPoP {holder.token}", "DPoP": holder.proof(), "ServiceCodes": "ta"},
        timeout=30,
    )
    no_scope = town.write(DISPENSE, "medicationdispense", town.bearer("bundle.write"))
    nowhere = requests.post(f"{town.hub.url}/epj/r4/999999999/bundle", data=DISPENSE, timeout=30)
    assert [(one.status_code, code_of(one)) for one in (no_service, no_scope, nowhere)] == [(400, "1.3"), (400, "1.4"), (400, "2.2")]


def test_what_the_caller_cannot_mend_stays_what_it_is(holder: Holder) -> None:
    holder.town.tell_journal("fail", status=500)
    answer = holder.search(holder.proof())
    holder.town.make_journal_honest()
    assert (answer.status_code, code_of(answer)) == (503, "3")
