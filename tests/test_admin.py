"""The admin API over HTTP: who may what, that another municipality's things are unknown, what every act leaves behind, and what nothing
tells. The table of who may is here in words of its own, not read from the code."""

import itertools
import json
import random
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import pytest
import requests
import schemathesis
from joserfc.jwk import ECKey

from local.helseid import dpop_proof, new_client, serving
from local.helseid.server import LEVEL, PID
from local.lengths import ROOT
from shared.access.people import Role
from shared.contract.admin_document import document
from shared.contract.administering import ADMIN
from shared.contract.examples import problem
from shared.contract.statuses import OF_PEOPLE
from tests.administering import NAME, SCOPE, Person, Place, entries, rows_of_admin
from tests.administering import place as place
from tests.running import PATIENCE, STILLE, Town, example, until, wire

pytestmark = pytest.mark.usefixtures("place")
DOCUMENT = document("")
CONTRACT: Mapping[str, Any] = DOCUMENT["components"]
UNKNOWN = "310999999.scales.routine.0.0"

# call: method, path, body; {receipt}, {job} and {user} are what there is in the municipality
CALLS: Mapping[str, tuple[str, str, Any]] = {
    "find": ("GET", "messages", None),
    "search": ("POST", "messages/_search", {"id": "https://cloud.example/m|1"}),
    "show": ("GET", "messages/{receipt}", None),
    "act": ("POST", "messages/{receipt}/transform", {"reason": "formatet er mendet"}),
    "jobs": ("GET", "jobs", None),
    "begin": ("POST", "jobs", {"verb": "resend", "dry_run": True}),
    "job": ("GET", "jobs/{job}", None),
    "change": ("POST", "jobs/{job}/pause", None),
    "stops": ("GET", "stops", None),
    "traffic": ("POST", "stops/start", {}),
    "days": ("GET", "days", None),
    "users": ("GET", "users", None),
    "put": ("PUT", "users", {}),
    "me": ("GET", "users/me", None),
    "remove": ("DELETE", "users/{user}", None),
}
TRUTH = """
                find search show act jobs begin job change stops traffic days users put me remove
follow           yes  yes    yes  -   yes  -     yes -      yes   -       yes  -     -   yes -
administer_users yes  yes    yes  -   yes  -     yes -      yes   -       yes  yes   yes yes yes
administer       yes  yes    yes  yes yes  yes   yes yes    yes   yes     yes  yes   yes yes yes
"""
LET_IN = {"act": 200, "change": 200, "traffic": 409, "put": 400, "remove": 404}  # what each then hears; the others 200


def may() -> dict[tuple[str, str], bool]:
    names, *rows = (line.split() for line in TRUTH.strip().splitlines())
    return {(role, call): word == "yes" for role, *words in rows for call, word in zip(names, words, strict=True)}


@pytest.fixture(scope="module")
def job(place: Place) -> dict[str, str]:
    """Of each municipality, one that is paused before anything was done."""
    found = {}
    for town in (place.home, place.next):
        chief = place.person(Role.ADMINISTER, town)
        begun = chief.call("POST", f"{town.orgnr}/jobs", {"verb": "delete", "state": "waiting", "reason": "prøve", "sender": "bridge"})
        assert begun.status_code == 202, begun.text
        found[town.orgnr] = begun.json()["job"]
    return found


@pytest.fixture(scope="module")
def chief(place: Place) -> Person:
    """One administrator for many refusals: they cost nothing of anybody's pace."""
    return place.person(Role.ADMINISTER)


@pytest.fixture(scope="module")
def reader(place: Place) -> Person:
    """Another, for what cannot be understood."""
    return place.person(Role.ADMINISTER)


@pytest.fixture(scope="module")
def calls(place: Place, job: Mapping[str, str]) -> Callable[[Person, str, Town], requests.Response]:
    def call(who: Person, name: str, town: Town) -> requests.Response:
        method, path, body = CALLS[name]
        there = path.format(receipt=place.message[town.orgnr], job=job[town.orgnr], user="abcdabcd")
        return who.call(method, f"{town.orgnr}/{there}", body)

    return call


def as_told(answer: requests.Response, path: str) -> None:
    """Status and body are what the document says for this route."""
    told = DOCUMENT["paths"][f"/api/admin/v1/{{orgnr}}/{path}"][str(answer.request.method).lower()]["responses"][str(answer.status_code)]
    if "$ref" in told:
        told = CONTRACT["responses"][told["$ref"].rpartition("/")[2]]
        example = told["content"]["application/problem+json"]["example"]
        assert [answer.json()[name] for name in ("type", "title", "status")] == [example[name] for name in ("type", "title", "status")]
    [schema] = [each["schema"] for media, each in told["content"].items() if media == answer.headers["Content-Type"]]
    jsonschema_rs.validator_for({"components": CONTRACT, **schema}).validate(answer.json())


def template(name: str) -> str:
    path = CALLS[name][1].replace("{receipt}", "{message}")
    return {"act": "messages/{message}/{act}", "change": "jobs/{job}/{act}", "traffic": "stops/{act}"}.get(name, path)


Calling = Callable[[Person, str, Town], requests.Response]


# the matrix


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says_in_its_own_municipality_and_nothing_in_another(
    place: Place, calls: Calling, role: Role, name: str
) -> None:
    if name == "change":  # a job that is over would hide who may
        calls(place.person(Role.ADMINISTER), "jobs", place.home)
    who = place.person(role)
    here, there = calls(who, name, place.home), calls(who, name, place.next)
    allowed = may()[role, name]
    wanted = {LET_IN.get(name, 200), 409} if name == "change" else {LET_IN.get(name, 200)}
    assert here.status_code in (wanted if allowed else {403}), here.text
    assert there.status_code == 403
    for answer in (here, there):
        as_told(answer, template(name))


@pytest.mark.parametrize("name", CALLS)
def test_whoever_the_municipality_does_not_know_or_knows_no_longer_may_nothing(place: Place, calls: Calling, name: str) -> None:
    nobody = place.person()
    ended = [place.person(Role.ADMINISTER, days=-1.0), place.person(Role.ADMINISTER, since=91.0), place.person(Role.ADMINISTER, place.next)]
    assert [calls(who, name, place.home).status_code for who in (nobody, *ended)] == [403] * 4


TOKENS: Mapping[str, Mapping[str, Any]] = {
    "of level 3": {LEVEL: "3"},
    "of no level": {LEVEL: None},
    "of a level that is a number": {LEVEL: 4},
    "for senders": {"aud": "nhn:vkp"},
    "for two": {"aud": ["knutepunkt:admin", "nhn:vkp"]},
    "that has ended": {"exp": 1_700_000_000},
    "not bound to a key": {"cnf": None},
    "of nobody": {PID: None},
    "of somebody whose number cannot be": {PID: "12345678901"},
    "of a real person, in test": {PID: "01010750160"},
    "whose client showed a secret": {"client_amr": "client_secret_post"},
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("what", TOKENS)
def test_a_token_that_does_not_prove_a_person_opens_nothing(place: Place, calls: Calling, chief: Person, what: str, name: str) -> None:
    answer = calls(Person(place.hub, chief.number, TOKENS[what], chief.key), name, place.home)
    assert answer.status_code == 401, answer.text
    assert answer.headers["WWW-Authenticate"].startswith("DPoP ")
    as_told(answer, template(name))


def test_a_token_without_the_scope_opens_nothing(place: Place, calls: Calling, chief: Person) -> None:
    for scope in ([], ["nhn:vkp/api/user/use"], ["knutepunkt:admin/used"]):
        assert calls(Person(place.hub, chief.number, {"scope": scope}), "find", place.home).status_code == 403


def _with(place: Place, who: Person, name: str, change: Callable[[Person, dict[str, str], str, str], dict[str, str]]) -> int:
    method, path, _ = CALLS[name]
    url = f"{place.hub.url}/api/admin/v1/{place.home.orgnr}/{path.format(receipt=place.message[place.home.orgnr], job='x', user='x')}"
    headers = change(who, who.headers(method, url), method, url)
    return wire().request(method, url, headers=headers, timeout=PATIENCE).status_code


PROOFS: Mapping[str, Callable[[Person, dict[str, str], str, str], dict[str, str]]] = {
    "nothing": lambda _who, _headers, _method, _url: {},
    "no proof": lambda _who, headers, _method, _url: {"Authorization": headers["Authorization"]},
    "a bearer token": lambda _who, headers, _method, _url: {"Authorization": headers["Authorization"].replace("DPoP", "Bearer")},
    "a proof for another address": lambda who, headers, method, url: {
        **headers,
        "DPoP": dpop_proof(who.key, method, url + "x", headers["Authorization"][5:]),
    },
    "a proof for another method": lambda who, headers, _method, url: {
        **headers,
        "DPoP": dpop_proof(who.key, "PATCH", url, headers["Authorization"][5:]),
    },
    "a proof by another key": lambda _who, headers, method, url: {
        **headers,
        "DPoP": dpop_proof(ECKey.generate_key("P-256"), method, url, headers["Authorization"][5:]),
    },
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("what", PROOFS)
def test_without_a_proof_of_the_key_for_this_very_call_nothing_opens(place: Place, chief: Person, what: str, name: str) -> None:
    assert _with(place, chief, name, PROOFS[what]) == 401


def test_a_proof_is_good_once(place: Place) -> None:
    who, url = place.person(Role.FOLLOW), f"{place.hub.url}/api/admin/v1/{place.home.orgnr}/users/me"
    headers = who.headers("GET", url)
    assert [wire().get(url, headers=headers, timeout=PATIENCE).status_code for _ in range(2)] == [200, 401]


def test_another_issuer_s_word_counts_for_nothing(place: Place, chief: Person) -> None:
    with serving([new_client("page", "", [SCOPE])[1]]) as other:
        who, url = chief, f"{place.hub.url}/api/admin/v1/{place.home.orgnr}/users/me"
        for issuer in (other.url, place.hub.issuer.url):
            told = {"iss": issuer, PID: who.number, LEVEL: "4", "cnf": {"jkt": who.key.thumbprint()}}
            token = other.mint(told)
            headers = {"Authorization": f"DPoP {token}", "DPoP": dpop_proof(who.key, "GET", url, token)}
            assert wire().get(url, headers=headers, timeout=PATIENCE).status_code == 401


def test_an_operator_s_token_does_not_send_and_a_sender_s_does_not_administer(place: Place, chief: Person) -> None:
    who, token = chief, chief.token()
    url = f"{place.hub.url}/epj/r4/{place.home.orgnr}/bundle"
    for scheme in ("DPoP", "Bearer"):
        headers = {"Authorization": f"{scheme} {token}", "DPoP": dpop_proof(who.key, "POST", url, token)}
        assert wire().post(url, data=b"{}", headers=headers, timeout=PATIENCE).status_code == 401
    there = f"{place.hub.url}/api/admin/v1/{place.home.orgnr}/messages"
    assert wire().get(there, headers=place.home.bearer(), timeout=PATIENCE).status_code == 401


# another municipality's things are unknown


def test_another_municipality_s_message_parcel_job_and_user_are_answered_as_what_there_is_not(place: Place, job: Mapping[str, str]) -> None:
    who, theirs = place.person(Role.ADMINISTER), place.message[place.next.orgnr]
    [parcel] = {one["parcel"] for one in place.next.told(theirs)["parcels"] if one["endpoint"] == "journal"}
    other = place.person(Role.FOLLOW, place.next).user(place.next)
    made_up = ("310999999~journal~routine~00.1000", "x", f"{place.home.orgnr}.scales.routine.999999.0")
    tried = [
        *(("GET", f"messages/{name}", None) for name in (theirs, parcel, UNKNOWN, *made_up)),
        *(("POST", f"messages/{name}/delete", {"reason": "prøve"}) for name in (theirs, parcel, UNKNOWN, *made_up)),
        *(("GET", f"jobs/{name}", None) for name in (job[place.next.orgnr], "x", "people")),
        *(("POST", f"jobs/{name}/cancel", None) for name in (job[place.next.orgnr], "x", "people")),
        *(("DELETE", f"users/{name}", None) for name in (other, "x")),
        ("PUT", "users", {"user": other, "role": "follow", "name": "Noen"}),
    ]
    answers = [who.call(method, f"{place.home.orgnr}/{path}", body) for method, path, body in tried]
    assert {(answer.status_code, answer.text) for answer in answers} == {(404, answers[0].text)}
    found = who.call("POST", f"{place.home.orgnr}/messages/_search", {"id": theirs}).json()
    assert found == {"messages": [], "more": False}
    assert place.next.told(theirs)["status"] == "parked"


def test_an_unknown_municipality_is_not_found(chief: Person) -> None:
    assert {chief.call("GET", f"{orgnr}/messages").status_code for orgnr in ("999999999", "x", "people")} == {404}


def test_a_list_holds_only_what_is_the_municipality_s_own(place: Place, job: Mapping[str, str]) -> None:
    who = place.person(Role.ADMINISTER)
    listed = {name: who.call("GET", f"{place.home.orgnr}/{name}").text for name in ("messages", "jobs", "users", "stops")}
    assert place.message[place.home.orgnr] in listed["messages"] and job[place.home.orgnr] in listed["jobs"]
    strangers = [place.next.orgnr, job[place.next.orgnr], *(one.user(place.next) for one in place.people)]
    assert [name for name, text in listed.items() for one in strangers if one in text] == []


# acts


def at_journal(told: requests.Response) -> Any:
    [parcel] = [one for one in told.json()["parcels"] if one["endpoint"] == "journal"]
    return parcel


def test_a_parked_message_is_found_looked_at_sent_again_and_delivered(place: Place) -> None:
    town = place.hub.town()
    town.tell_journal("refuse")
    receipt = town.sent("tenovi", example("tenovi", "weight-in-pounds.json"))
    assert town.until_settled(receipt)["status"] == "parked"
    who = place.person(Role.ADMINISTER, town)
    [message] = who.call("GET", f"{town.orgnr}/messages?state=parked&endpoint=journal&most=1").json()["messages"]
    assert (message["receipt"], message["state_text"]) == (receipt, "parkert")
    told = who.call("GET", f"{town.orgnr}/messages/{receipt}")
    as_told(told, "messages/{message}")
    parcel = at_journal(told)
    ended = {"at": parcel["at"], "answer": "the journal answered 422"}
    assert (parcel["attempts"], parcel["acts"]) == ([ended], []), "parked at its first attempt"
    assert f"Kvittering  {receipt}" in told.json()["text"] and told.json()["format"] == "tenovi"
    town.make_journal_honest()
    sent = who.call("POST", f"{town.orgnr}/messages/{receipt}/resend", {"reason": "journalen er mendet"})
    assert sent.json()["changed"] >= 1 and "sendes på nytt" in sent.json()["text"]
    assert town.until_settled(receipt)["status"] == "delivered"
    by = f"administer:{who.user(town)}"
    assert [(one.who, one.action, one.status) for one in entries(town)] == [(by, "messages.show", 200), (by, "messages.resend", 200)]
    assert "journalen er mendet" in entries(town)[1].message
    again = who.call("GET", f"{town.orgnr}/messages/{receipt}")
    as_told(again, "messages/{message}")
    parcel = at_journal(again)
    assert [one["answer"] for one in parcel["attempts"]] == [ended["answer"], f"answer {parcel['answer']}"]
    assert parcel["attempts"][-1]["at"] == parcel["at"]
    assert [{**act, "at": ""} for act in parcel["acts"]] == [{"at": "", "verb": "resend", "why": "journalen er mendet", "job": ""}]


def test_what_a_hand_did_is_told_apart_from_what_the_journal_answered(place: Place) -> None:
    town = place.hub.town()
    town.tell_journal("refuse")
    receipt = town.sent("tenovi", example("tenovi", "weight-in-pounds.json"))
    town.until_settled(receipt)
    who = place.person(Role.ADMINISTER, town)
    for act in ("delete", "restore", "delete"):
        assert who.call("POST", f"{town.orgnr}/messages/{receipt}/{act}", {"reason": f"prøve {act}"}).json()["changed"] == 1
    told = who.call("GET", f"{town.orgnr}/messages/{receipt}")
    as_told(told, "messages/{message}")
    parcel = at_journal(told)
    assert [one["answer"] for one in parcel["attempts"]] == ["the journal answered 422"]
    assert [(one["verb"], one["why"]) for one in parcel["acts"]] == [(act, f"prøve {act}") for act in ("delete", "restore", "delete")]
    assert told.json()["acts"] == []


def test_what_a_hand_did_with_a_receipt_is_told_of_the_receipt(place: Place) -> None:
    town = place.hub.town()
    receipt = town.sent("tenovi", b"{}")
    town.until_settled(receipt)
    who = place.person(Role.ADMINISTER, town)
    assert who.call("POST", f"{town.orgnr}/messages/{receipt}/delete", {"reason": "prøve"}).json()["changed"] == 1
    told = who.call("GET", f"{town.orgnr}/messages/{receipt}")
    as_told(told, "messages/{message}")
    assert [(one["verb"], one["why"], one["job"]) for one in told.json()["acts"]] == [("delete", "prøve", "")]


def test_a_trial_of_an_act_says_what_would_be_and_does_nothing(place: Place) -> None:
    who, receipt = place.person(Role.ADMINISTER), place.message[place.home.orgnr]
    tried = {"reason": "prøve", "dry_run": True}
    answer = who.call("POST", f"{place.home.orgnr}/messages/{receipt}/delete", tried)
    as_told(answer, "messages/{message}/{act}")
    assert answer.json()["changed"] >= 1 and answer.json()["text"] == "1 melding ville blitt berørt"
    idle = who.call("POST", f"{place.home.orgnr}/messages/{receipt}/restore", tried)
    assert idle.json()["changed"] == 0 and idle.json()["text"].endswith("restore tar det som er slettet")
    assert place.home.told(receipt)["status"] == "parked"


def test_a_job_runs_by_itself_to_its_end(place: Place) -> None:
    town = place.hub.town()
    town.tell_journal("refuse")
    receipt = town.sent("tenovi", example("tenovi", "weight-in-pounds.json"))
    town.until_settled(receipt)
    town.make_journal_honest()
    who = place.person(Role.ADMINISTER, town)
    assert who.call("POST", f"{town.orgnr}/jobs", {"verb": "resend", "dry_run": True}).json() == {"count": 1, "more": False}
    begun = who.call("POST", f"{town.orgnr}/jobs", {"verb": "resend", "reason": "mendet", "key": "mendet 1"})
    as_told(begun, "jobs")
    again = who.call("POST", f"{town.orgnr}/jobs", {"verb": "resend", "reason": "mendet", "key": "mendet 1"})
    assert (again.status_code, again.json()["job"]) == (202, begun.json()["job"])
    assert (begun.status_code, begun.json()["count"]) == (202, 1)
    path = f"{town.orgnr}/jobs/{begun.json()['job']}"

    def over() -> Any:
        time.sleep(0.5)  # whoever asks all the time is asked to slow down
        told = who.call("GET", path).json()
        return told["state"] == "done" and told

    done = until(over, "the job is done")
    assert done["messages"] == 1 and done["text"].startswith("1 av 1 meldinger, ferdig")
    assert town.until_settled(receipt)["status"] == "delivered"
    assert who.call("POST", f"{path}/resume").status_code == 409
    assert [one.action for one in entries(town)] == ["messages.job", "messages.resend"]


def test_traffic_is_stopped_listed_and_started(place: Place) -> None:
    town = place.hub.town()
    who = place.person(Role.ADMINISTER, town)
    assert who.call("POST", f"{town.orgnr}/stops/stop", {"endpoint": "journal"}).status_code == 400, "without a reason"
    assert who.call("POST", f"{town.orgnr}/stops/stop", {"endpoint": "nowhere", "reason": "x"}).json()["field"] == "$.endpoint"
    [stopped] = who.call("POST", f"{town.orgnr}/stops/stop", {"endpoint": "journal", "reason": "vedlikehold"}).json()["stops"]
    assert (stopped["what"], stopped["text"]) == ("endpoint journal", "det som skal til journal")
    assert who.call("POST", f"{town.orgnr}/stops/start", {"endpoint": "journal"}).json() == {"stops": []}
    assert [one.action for one in entries(town)] == ["messages.stop", "messages.start"]


@pytest.mark.parametrize(
    ("status", "method", "path", "body"),
    [
        (400, "GET", "messages?state=nowhere", None),
        (400, "GET", f"messages?id={STILLE}", None),
        (400, "GET", f"messages?{STILLE}=1", None),
        (400, "GET", "messages?most=0", None),
        (400, "GET", "messages?most=000000050999999999", None),
        (400, "GET", f"messages?most={'1' * 5009}", None),
        (400, "GET", "messages?most=1&most=2", None),
        (400, "GET", "messages?from=i%20gaar", None),
        (400, "POST", "messages/_search", {}),
        (400, "POST", "messages/_search", b"{"),
        (400, "POST", "messages/_search", []),
        (400, "POST", "messages/{receipt}/resend", {"reason": f"gjelder {STILLE}"}),
        (400, "POST", "messages/{receipt}/resend", {"reason": f"gjelder {STILLE[:6]} {STILLE[6:]}"}),
        (400, "POST", "messages/{receipt}/resend", {STILLE: "x"}),
        (400, "POST", "messages/{receipt}/resend", {"state": "waiting"}),
        (400, "POST", "messages/{receipt}/resend", {"dry_run": "yes"}),
        (400, "POST", "messages/{receipt}/delete", {}),
        (404, "POST", "messages/{receipt}/burn", {}),
        (400, "POST", "jobs", {}),
        (400, "POST", "jobs", {"verb": "delete", "reason": "alt"}),
        (400, "POST", "stops/stop", {"sender": "bridge", "endpoint": "journal", "reason": "x"}),
        (404, "POST", "stops/burn", {}),
        (400, "PUT", "users", {"number": STILLE, "role": "follow"}),
        (400, "PUT", "users", {"number": "12345678901", "role": "follow", "name": "Noen"}),
        (400, "PUT", "users", {"number": STILLE, "role": "king", "name": "Noen"}),
        (400, "PUT", "users", {"number": STILLE, "role": "follow", "name": STILLE}),
        (400, "PUT", "users", {"number": STILLE, "role": "follow", "name": "Noen", "until": "2099-01-01"}),
        (400, "PUT", "users", {"number": STILLE, "role": "follow", "name": "Noen", "until": "2020-01-01"}),
        (400, "GET", "messages?event=fall", None),
        (400, "GET", "messages?event=alerts:4.1", None),
        (400, "GET", "messages?from=2026-11-26&to=2026-11-26", None),
        (400, "POST", "jobs", {"verb": "resend", "from": "2026-11-26", "to": "2026-11-25"}),
        (400, "POST", "jobs", {"verb": "resend", "form": "2026-11-26"}),
        (400, "GET", "jobs?state=done", None),
        (400, "GET", f"users?number={STILLE}", None),
        (400, "POST", "jobs?dry_run=true", {"verb": "resend"}),
        (400, "POST", "stops/start?endpoint=journal", {}),
        (400, "POST", "jobs/x/pause", {"dry_run": True}),
        (413, "POST", "messages/_search", b" " * 20_000),
    ],
)
def test_what_cannot_be_understood_is_told_with_a_remedy_and_not_repeated(
    place: Place, reader: Person, status: int, method: str, path: str, body: Any
) -> None:
    answer = reader.call(method, f"{place.home.orgnr}/{path.format(receipt=place.message[place.home.orgnr])}", body)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"] and STILLE not in answer.text
    assert jsonschema_rs.is_valid({"components": CONTRACT, **CONTRACT["schemas"]["Problem"]}, answer.json())


@pytest.mark.parametrize(
    ("field", "method", "path", "body"),
    [
        ("sender", "GET", "messages?sender=nowhere&state=parked", None),
        ("endpoint", "GET", "messages?endpoint=nowhere", None),
        ("sender", "POST", "messages/_search", {"id": "x", "sender": "nowhere"}),
        ("endpoint", "POST", "messages/{receipt}/resend", {"endpoint": "nowhere"}),
        ("sender", "POST", "jobs", {"verb": "resend", "sender": "nowhere", "key": "misspelt"}),
        ("endpoint", "POST", "jobs", {"verb": "resend", "endpoint": "nowhere", "dry_run": True}),
        ("sender", "POST", "stops/stop", {"sender": "nowhere", "reason": "prøve"}),
        ("endpoint", "POST", "stops/start", {"endpoint": "nowhere"}),
    ],
)
def test_a_name_that_the_municipality_does_not_have_is_told_with_those_that_it_has(
    place: Place, reader: Person, field: str, method: str, path: str, body: Any
) -> None:
    answer = reader.call(method, f"{place.home.orgnr}/{path.format(receipt=place.message[place.home.orgnr])}", body)
    assert (answer.status_code, answer.json()["field"]) == (400, f"$.{field}"), answer.text
    rows = place.home.tenant.senders if field == "sender" else place.home.tenant.endpoints
    assert answer.json()["remedy"] == f"send one of {', '.join(sorted(row.name for row in rows))}"
    right = {"verb": "resend", "sender": "bridge", "key": "misspelt"}
    assert body is None or "key" not in body or reader.call("POST", f"{place.home.orgnr}/jobs", right).status_code == 202


def test_who_sends_a_field_too_many_is_told_all_that_the_call_has(place: Place, reader: Person) -> None:
    answer = reader.call("POST", f"{place.home.orgnr}/messages/{place.message[place.home.orgnr]}/resend", {"reasons": "x"})
    assert answer.json()["remedy"] == "send reason, state, endpoint, dry_run only"
    assert reader.call("POST", f"{place.home.orgnr}/jobs/x/pause", {"reason": "x"}).json()["remedy"] == "send none"


def test_an_encoded_body_is_refused(place: Place, reader: Person) -> None:
    assert reader.call("POST", f"{place.home.orgnr}/messages/_search", b"x", content_encoding="gzip").status_code == 415


def test_one_person_s_flood_is_stopped_and_hinders_nobody_else(place: Place) -> None:
    who, other = place.person(Role.FOLLOW), place.person(Role.FOLLOW)
    path = f"{place.home.orgnr}/users/me"
    answers = (who.call("GET", path) for _ in range(1000))
    late = next(answer for answer in answers if answer.status_code != 200)
    assert (late.status_code, late.headers["Retry-After"]) == (429, "60")
    as_told(late, "users/me")
    assert other.call("GET", path).status_code == 200


# users


def test_access_is_given_used_given_anew_and_taken(place: Place) -> None:
    town = place.hub.town()
    chief, new = place.person(Role.ADMINISTER_USERS, town), place.person()
    given = chief.call("PUT", f"{town.orgnr}/users", {"number": new.number, "role": "follow", "name": "Rund Myrstein"})
    as_told(given, "users")
    assert given.json() | {"user": new.user(town), "role": "follow", "open": True, "used": "", "you": False} == given.json()
    assert new.call("GET", f"{town.orgnr}/users/me").json()["role_text"] == "følge med"
    assert new.call("POST", f"{town.orgnr}/jobs", {"verb": "resend"}).status_code == 403
    changed = chief.call("PUT", f"{town.orgnr}/users", {"user": new.user(town), "role": "administer", "name": "Rund Myrstein"})
    assert changed.status_code == 200 and new.call("POST", f"{town.orgnr}/jobs", {"verb": "resend", "dry_run": True}).status_code == 200
    assert [one["used"] != "" for one in chief.call("GET", f"{town.orgnr}/users").json()["users"]] == [True, True]
    assert chief.call("DELETE", f"{town.orgnr}/users/{new.user(town)}").json() == {"removed": new.user(town)}
    assert new.call("GET", f"{town.orgnr}/users/me").status_code == 403
    actions = [(one.action, one.status) for one in entries(town)]
    assert actions == [("people.put", 200), ("messages.job", 403), ("people.put", 200), ("people.remove", 200), ("people.me", 403)]


@pytest.mark.parametrize("role", [Role.ADMINISTER_USERS, Role.ADMINISTER])
def test_nobody_raises_their_own_role_or_prolongs_their_own_access(place: Place, role: Role) -> None:
    who = place.person(role, days=3.0)
    for whom in ({"number": who.number}, {"user": who.user(place.home)}):
        assert who.call("PUT", f"{place.home.orgnr}/users", {**whom, "role": "administer", "name": "Meg"}).status_code == 403
    told = who.call("GET", f"{place.home.orgnr}/users/me").json()
    assert (told["role"], told["name"]) == (role, NAME)


@pytest.mark.parametrize("role", [Role.ADMINISTER_USERS, Role.ADMINISTER])
def test_nobody_removes_their_own_access_so_that_somebody_is_always_left(place: Place, role: Role) -> None:
    town = place.hub.town()
    one, other = (place.person(role, town) for _ in range(2))
    for status in (200, 404):
        own = one.call("DELETE", f"{town.orgnr}/users/{one.user(town)}")
        as_told(own, "users/{user}")
        assert (own.status_code, "their own access" in own.json()["detail"]) == (403, True)
        assert one.call("DELETE", f"{town.orgnr}/users/{other.user(town)}").status_code == status
    assert [user["you"] for user in one.call("GET", f"{town.orgnr}/users").json()["users"]] == [True]


def test_two_who_take_each_other_s_access_at_once_leave_one_behind(place: Place) -> None:
    for way in range(6):
        town = place.hub.town()
        pair = [place.person(Role.ADMINISTER_USERS, town) for _ in range(2)]

        def take(number: int, pair: list[Person] = pair, town: Town = town, way: int = way) -> int:
            mine, other = pair[number], pair[1 - number]
            if way % 2:
                return mine.call("DELETE", f"{town.orgnr}/users/{other.user(town)}").status_code
            body = {"user": other.user(town), "role": "follow", "name": "x"}
            return mine.call("PUT", f"{town.orgnr}/users", body).status_code

        with ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(take, range(2)))
        assert sorted(statuses) == [200, 403]


# what is told of nobody


def test_every_refusal_of_somebody_known_and_every_act_stands_in_the_log_and_names_nobody(place: Place, calls: Calling) -> None:
    town = place.hub.town()
    who = place.person(Role.FOLLOW, town)
    for method, path, body in (("POST", "messages/x/delete", {"reason": "x"}), ("GET", "users", None), ("POST", f"jobs/x/{STILLE}", None)):
        assert who.call(method, f"{town.orgnr}/{path}", body).status_code == 403
    told = [(one.who, one.action, one.status, one.client) for one in entries(town)]
    by = f"follow:{who.user(town)}"
    assert told == [(by, action, 403, "national") for action in ("messages.delete", "people.list", "messages.unknown")]
    assert place.person().call("GET", f"{town.orgnr}/messages").status_code == 403
    assert entries(town)[-1].who.startswith("unknown:")


def test_no_log_line_and_no_row_tells_a_number_a_token_or_a_name(place: Place) -> None:
    """Last of this file or not: it does all of it once more, then looks everywhere."""
    town = place.hub.town()
    who, new = place.person(Role.ADMINISTER, town), place.person()
    name = f"Blid Skogstjern-{random.Random(9).getrandbits(32):08x}"  # noqa: S311 -- a seed
    for body in (
        {"number": new.number, "role": "follow", "name": name},
        {"number": new.number, "role": "x", "name": name},
        b"{" + new.number.encode(),
    ):
        who.call("PUT", f"{town.orgnr}/users", body)
    who.call("POST", f"{town.orgnr}/messages/_search", {"id": f"https://cloud.example/x|{new.number}"})
    who.call("GET", f"{town.orgnr}/messages/{new.number}")
    who.call("POST", f"{town.orgnr}/messages/{new.number}/{new.number}")
    Person(place.hub, new.number, {LEVEL: "3"}).call("GET", f"{town.orgnr}/users")
    token = who.token()
    answers = [new.call("GET", f"{town.orgnr}/users/me").text, who.call("GET", f"{town.orgnr}/jobs/{new.number}").text]
    said = place.hub.log()
    secrets = [*(one.number for one in place.people), name, NAME, token.split(".")[2]]
    assert "administered" in said
    assert [one for one in secrets if one in said or (any(one in answer for answer in answers) and one != name)] == []
    assert [one.number for one in place.people if one.number in rows_of_admin(place)] == [], "in storage a name, and never a number"
    kept = json.dumps([(one.who, one.action, one.message, one.client) for one in entries(town)])
    assert [one for one in secrets if one in kept] == []


def test_the_hub_stumbled_over_nothing(place: Place) -> None:
    assert [line for line in place.hub.faults() if "not administered" not in line] == []


# the document


def test_a_refusal_speaks_to_whoever_administers_and_leads_to_their_page(place: Place, chief: Person) -> None:
    answers = [
        Person(place.hub, chief.number, {LEVEL: "3"}).call("GET", f"{place.home.orgnr}/messages"),
        chief.call("GET", f"{place.next.orgnr}/messages"),
        chief.call("GET", f"{place.home.orgnr}/messages?state=nowhere"),
        chief.call("GET", f"{place.home.orgnr}/messages/{UNKNOWN}"),
    ]
    assert [(answer.status_code, answer.json()["title"]) for answer in answers] == [
        (401, "You could not prove who you are"),
        (403, "You may not do this"),
        (400, "This cannot be understood"),
        (404, "There is no such thing here"),
    ]
    assert {answer.json()["type"] for answer in answers} <= {problem(status, person=True)["type"] for status in OF_PEOPLE}
    words = json.dumps([problem(status, person=True) for status in OF_PEOPLE])
    assert "docs/admin.md#403" in words and [word for word in ("sender", "payload", "journal") if word in words] == []


def test_the_page_has_a_row_for_every_status_that_a_call_brings() -> None:
    rows = set(re.findall(r'<a id="(\d{3})">', (ROOT / "docs/admin.md").read_text()))
    brought = {str(status) for route in ADMIN for status in route.refusals}
    assert brought == rows == {str(status) for status in OF_PEOPLE}


def test_the_document_is_served_and_every_example_has_the_shape_that_it_is_an_example_of(place: Place) -> None:
    served = place.hub.get("/api/admin/openapi.json").json()
    assert served["paths"] == DOCUMENT["paths"]
    contents = [each for path in served["paths"].values() for call in path.values() for each in _contents(call)]
    shown = [(each["schema"], each["example"]) for each in contents if "example" in each]
    assert len(shown) > 15
    assert [schema for schema, value in shown if not jsonschema_rs.is_valid({"components": CONTRACT, **schema}, value)] == []


def _contents(call: Any) -> list[Any]:
    told = [call.get("requestBody", {}), *call["responses"].values()]
    return list(itertools.chain.from_iterable(one.get("content", {}).values() for one in told))


def test_the_document_is_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_a_hub_without_the_setting_has_no_admin_api(home: Town) -> None:
    assert home.hub.get(f"/api/admin/v1/{home.orgnr}/messages").status_code == 404
