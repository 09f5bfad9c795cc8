"""The national contract's doors over HTTP: tokens, who may what, how a no is said, and what stands in the audit log afterwards."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from shared.access.entry import Entry
from shared.access.permission import ACTIONS
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.audit_log import AuditLog
from tests.running import PREFIX, STILLE, Running, Town, example, receipt_of

pytestmark = pytest.mark.usefixtures("faultless")
OUTCOME = "http://ehelse.no/fhir/CodeSystem/vkp-operation-outcome-v090"
DISPENSE = example("vkp", "dispense.json")


def issue(answer: requests.Response) -> Any:
    """The first issue of an OperationOutcome."""
    assert answer.headers["Content-Type"] == "application/fhir+json"
    found = answer.json()
    assert found["resourceType"] == "OperationOutcome"
    return found["issue"][0]


def code_of(answer: requests.Response) -> str:
    [coding] = issue(answer)["details"]["coding"]
    assert coding["system"] == OUTCOME
    return str(coding["code"])


def entries(town: Town) -> list[Entry]:
    """The municipality's audit log."""

    async def read() -> list[Entry]:
        account = Account(Settings.from_env({"AzureWebJobsStorage": town.hub.storage, "HUB_PATIENT_KEY": "k" * 40}))
        try:
            log = AuditLog(account.table("audit"))
            return [entry async for row in log.read(town.orgnr) for entry in row.entries]
        finally:
            await account.close()

    return asyncio.run(read())


def minted(town: Town, claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {town.hub.issuer.mint(claims, header)}"}


# writes


def test_a_document_with_a_token_stands_in_the_journal(town: Town) -> None:
    answer = town.write(DISPENSE, "medicationdispense")
    assert answer.status_code == 202, answer.text
    path = f"/api/v1/receipts/{receipt_of(answer)}"
    assert town.hub.get(path).status_code == 401
    while (told := town.hub.get(path, town.bearer()).json())["status"] in ("received", "transformed"):
        pass
    assert told["status"] == "delivered" and len(town.notes()) == 1


@pytest.mark.parametrize("media", ["text/plain; charset=utf-8", "application/json", "application/fhir+json", "", "image/png"])
def test_no_media_type_is_refused(home: Town, media: str) -> None:
    answer = home.write(DISPENSE, "MedicationDispense", {**home.bearer(), "Content-Type": media})
    assert answer.status_code == 202


def test_repairs_and_oddities_are_told_in_the_answer(home: Town) -> None:
    answer = home.write(example("vkp", "repaired.json"), "bundle")
    severities = [one["severity"] for one in answer.json()["issue"]]
    assert answer.status_code == 202 and severities[0] == "information" and len(severities) > 1
    assert all(one["diagnostics"] and one["details"]["text"] for one in answer.json()["issue"])


def test_every_national_answer_has_a_correlation_id_in_header_and_outcome(home: Town) -> None:
    mine = "7C1E7C0A-0000-4000-8000-00000000ABCD"
    for answer in (home.write(DISPENSE, "medicationdispense"), home.write(b"{", "bundle"), home.search("patient", headers={})):
        assert f"correlation-id: {answer.headers['X-Correlation-Id']}" in issue(answer)["diagnostics"]
    offered = home.write(b"{", "bundle", {**home.bearer(), "nhn-event-id": mine})
    assert offered.headers["X-Correlation-Id"] == mine.lower()
    personal = home.write(b"{", "bundle", {**home.bearer(), "X-Correlation-Id": STILLE})
    assert STILLE not in personal.text and personal.headers["X-Correlation-Id"] != STILLE


# who is it

REFUSED: list[tuple[str, Callable[[Town], dict[str, str]]]] = [
    ("nothing", lambda town: {}),
    ("another issuer", lambda town: minted(town, {"iss": "https://helseid.example"})),
    ("another audience", lambda town: minted(town, {"aud": "nhn:jft"})),
    ("two audiences", lambda town: minted(town, {"aud": ["nhn:vkp", "nhn:jft"]})),
    ("expired", lambda town: minted(town, {"exp": 1_700_000_000, "iat": 1_600_000_000, "nbf": 1_600_000_000})),
    ("not yet", lambda town: minted(town, {"nbf": 4_000_000_000})),
    ("no expiry", lambda town: minted(town, {"exp": None})),
    ("a secret", lambda town: minted(town, {"client_amr": "client_secret"})),
    ("no vkp-id", lambda town: minted(town, {"nhn:vkp/client/claims/vkp-id": None})),
    ("id token", lambda town: minted(town, header={"typ": "id+jwt"})),
    ("no algorithm", lambda town: minted(town, header={"alg": "none"})),
    ("symmetric", lambda town: minted(town, header={"alg": "HS256"})),
    ("unknown key", lambda town: minted(town, header={"kid": "of-nobody"})),
    ("bound to a key", lambda town: minted(town, {"cnf": {"jkt": "A" * 43}})),
    ("DPoP where Bearer is due", lambda town: {"Authorization": town.bearer()["Authorization"].replace("Bearer", "DPoP")}),
    ("cut", lambda town: {"Authorization": town.bearer()["Authorization"][:-1]}),
    ("twice", lambda town: {"Authorization": f"{town.bearer()['Authorization']}, {town.bearer()['Authorization']}"}),
]


@pytest.mark.parametrize(("what", "headers"), REFUSED, ids=[what for what, _ in REFUSED])
def test_whoever_does_not_prove_who_they_are_gets_nothing(home: Town, what: str, headers: Callable[[Town], dict[str, str]]) -> None:
    answer = home.search("patient", {"identifier": STILLE}, headers=headers(home))
    assert answer.status_code == 401 and code_of(answer) == "1.5" and "Bearer" in answer.headers["WWW-Authenticate"]
    written = home.write(DISPENSE, "medicationdispense", headers(home))
    assert written.status_code == 401 and code_of(written) == "1.5"


# may they


def test_a_token_without_the_scope_opens_nothing(home: Town) -> None:
    answer = home.search("patient", {"identifier": STILLE}, headers=home.bearer("careplan.read", "bundle.write"))
    assert (answer.status_code, code_of(answer)) == (403, "1.4")
    written = home.write(DISPENSE, "medicationdispense", home.bearer("bundle.write"))
    assert (written.status_code, code_of(written)) == (403, "1.4")


def test_a_vkp_id_that_the_municipality_does_not_know_opens_nothing(home: Town) -> None:
    stranger = minted(home, {"nhn:vkp/client/claims/vkp-id": "Fremmed_System_Kommune"})
    answer = home.search("patient", {"identifier": STILLE}, headers=stranger)
    assert (answer.status_code, code_of(answer)) == (403, "1.2")


def test_an_unknown_municipality_is_not_found(home: Town) -> None:
    url = f"{home.hub.url}/epj/r4/999999999/patient/_search"
    answer = requests.post(url, headers=home.bearer(), timeout=30)
    assert (answer.status_code, code_of(answer)) == (404, "2.2")


@pytest.mark.parametrize("resource", ["observation", "patient", "careplan", "bundle2"])
def test_what_cannot_be_written_is_not_found(home: Town, resource: str) -> None:
    assert home.write(DISPENSE, resource).status_code == 404


def as_sender(town: Town, vkp_id: str, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {**minted(town, {"nhn:vkp/client/claims/vkp-id": vkp_id}), **named}


def test_an_api_key_must_come_beside_the_token_where_the_register_says_so(home: Town) -> None:
    key = home.hub.secret["TEST_API_KEY"]
    right = as_sender(home, "Eksempel_Med_Nokkel", Ocp_Apim_Subscription_Key=key)
    assert home.search("patient", {"identifier": STILLE}, headers=right).status_code == 200
    for wrong in (as_sender(home, "Eksempel_Med_Nokkel"), as_sender(home, "Eksempel_Med_Nokkel", Ocp_Apim_Subscription_Key=key[:-1])):
        answer = home.search("patient", {"identifier": STILLE}, headers=wrong)
        assert (answer.status_code, code_of(answer)) == (401, "1.5") and key not in answer.text


def test_what_is_stopped_on_either_side_is_not_active(home: Town, running: Running) -> None:
    stopped = home.search("patient", {"identifier": STILLE}, headers=as_sender(home, "Eksempel_Sagt_Opp"))
    closed = running.town(active=False)
    looked, written = closed.search("patient", {"identifier": STILLE}), closed.write(DISPENSE, "medicationdispense")
    assert [(one.status_code, code_of(one)) for one in (stopped, looked, written)] == [(403, "1.1")] * 3


def test_a_sender_may_do_what_its_row_says_and_nothing_else(home: Town) -> None:
    headers = as_sender(home, "Eksempel_Med_Nokkel", Ocp_Apim_Subscription_Key=home.hub.secret["TEST_API_KEY"])
    answers = (home.search("condition", {"identifier": STILLE}, headers=headers), home.write(DISPENSE, "medicationdispense", headers))
    code = home.search("patient", {"identifier": STILLE}, codes="ta,gps", headers=headers)
    assert [(one.status_code, code_of(one)) for one in (*answers, code)] == [(403, "1.2")] * 3


def test_a_flood_of_made_up_keys_asks_the_issuer_once_at_most(home: Town) -> None:
    path = "/.well-known/openid-configuration/jwks"
    home.search("patient", {"identifier": STILLE})
    before = home.hub.issuer.counts[path]
    for number in range(60):
        assert home.search("patient", headers=minted(home, header={"kid": f"made-up-{number}"})).status_code == 401
    assert home.hub.issuer.counts[path] <= before + 1
    assert home.search("patient", {"identifier": STILLE}).status_code == 200


def test_metadata_says_what_a_municipality_s_address_can_do(home: Town) -> None:
    answer = home.hub.get(f"/epj/r4/{home.orgnr}/metadata")
    statement = answer.json()
    able = {one["type"]: {each["code"] for each in one["interaction"]} for one in statement["rest"][0]["resource"]}
    assert (answer.status_code, statement["resourceType"], statement["fhirVersion"]) == (200, "CapabilityStatement", "4.0.1")
    assert able["Composition"] == {"create", "search-type"} and able["Patient"] == {"search-type"} and able["Bundle"] == {"create"}
    assert home.hub.get("/epj/r4/999999999/metadata").status_code == 404


@pytest.mark.parametrize("path", ["/api/docs", "/api/codes"])
def test_the_pages_run_nothing_and_fetch_nothing(home: Town, path: str) -> None:
    answer = home.hub.get(path)
    assert answer.headers["Content-Type"].startswith("text/html") and "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text


# what the audit log says


def test_each_write_and_look_up_leaves_an_entry_refusals_too(town: Town) -> None:
    taken = town.write(DISPENSE, "medicationdispense")
    no_scope = town.write(DISPENSE, "medicationdispense", town.bearer("bundle.write"))
    unread = town.write(b"{", "bundle")
    no_codes = town.search("patient", {"identifier": STILLE}, codes=None)
    unknown = town.search("patient", headers={})
    found = {entry.correlation: entry for entry in entries(town)}
    for answer, action, code in ((taken, "medicationdispense.write", ""), (no_scope, "medicationdispense.write", "1.4")):
        entry = found[answer.headers["X-Correlation-Id"]]
        assert (entry.status, entry.action, entry.code, entry.vkp_id) == (answer.status_code, action, code, "Eksempel_Respons")
        assert (entry.sender, entry.client) == ("national", "national")
    assert found[unread.headers["X-Correlation-Id"]].code == "2.4" and found[no_codes.headers["X-Correlation-Id"]].code == "1.3"
    assert found[taken.headers["X-Correlation-Id"]].patients and STILLE not in json.dumps([str(entry) for entry in found.values()])
    assert unknown.headers["X-Correlation-Id"] not in found and len(found) == 4


def test_whom_a_refused_look_up_or_write_was_about_stands_in_the_log(town: Town) -> None:
    good = town.search("patient", {"identifier": STILLE})
    refused = [
        town.search("patient", {"identifier": STILLE}, codes=None),
        town.search("patient", {"identifier": STILLE}, headers=town.bearer("bundle.write")),
        town.write(DISPENSE, "medicationdispense", town.bearer("bundle.write")),
        town.search("patient", {"identifier": STILLE}, codes="ta; drop"),
        town.search("patient", {"identifier": STILLE, "hvem": "alle"}),
        town.search("patient", {"identifier": f"{STILLE[:6]} {STILLE[6:]}", "date": "i går"}),
    ]
    found = {entry.correlation: entry for entry in entries(town)}
    [key] = found[good.headers["X-Correlation-Id"]].patients
    assert [found[answer.headers["X-Correlation-Id"]].patients for answer in refused] == [(key,)] * 6


def test_whoever_is_asked_for_by_a_journal_s_own_number_is_found_in_the_log_by_every_number_that_was_told(town: Town) -> None:
    answer = town.search("patient", {"identifier": "http://cosdoc.dips.no/lopenummer|1302"}, codes="rt")
    told = [one for entry in answer.json()["entry"] for one in entry["resource"]["identifier"]]
    [entry] = entries(town)
    assert answer.status_code == 200 and len(entry.patients) == len(told)


def test_a_sender_that_may_not_hears_so_whatever_else_is_wrong(home: Town) -> None:
    for codes in ("ta; drop", None, "ta"):
        answer = home.search("patient", {"identifier": STILLE}, codes=codes, headers=home.bearer("bundle.write"))
        assert (answer.status_code, code_of(answer)) == (403, "1.4")


def test_whoever_shows_nothing_is_told_that_a_token_would_do(home: Town) -> None:
    answer = home.write(DISPENSE, "medicationdispense", {})
    assert answer.status_code == 401 and "Bearer" in answer.headers["WWW-Authenticate"]
    alien = requests.post(home.hub.url + home.path("scaip"), data=b"x", timeout=30)
    assert alien.status_code == 401 and "Bearer" not in alien.headers.get("WWW-Authenticate", "")  # no token opens that way
    assert "invalid_token" not in home.search("patient", headers={}).headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    "identifier",
    [
        {"value": "13116900216"},
        {"system": "2.16.578.1.12.4.1.4.1", "value": "13116900216"},
        {"system": "oid:2.16.578.1.12.4.1.4.1/", "value": "131169 00216"},
    ],
)
def test_the_guard_knows_a_number_however_its_system_is_spelt(home: Town, identifier: dict[str, str]) -> None:
    tree = json.loads(DISPENSE)
    tree["subject"]["identifier"] = identifier
    answer = home.write(json.dumps(tree).encode(), "medicationdispense")
    assert (answer.status_code, code_of(answer)) == (400, "2.1") and "13116900216" not in answer.text


def test_a_number_that_cannot_be_is_told_to_wait_for_a_human(home: Town) -> None:
    answer = home.write(example("vkp", "set-aside-wrong-number.json"), "medicationdispense")
    told = [one for one in answer.json()["issue"] if "set aside" in one["details"]["text"]]
    assert answer.status_code == 202 and [one["details"]["coding"][0]["code"] for one in told] == ["2.1"]


def test_actions_are_the_scopes_of_the_national_contract(running: Running) -> None:
    assert len(ACTIONS) == 12 and PREFIX == "nhn:vkp/api/user/"
