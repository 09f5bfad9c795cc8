"""The register's words for deliveries: when to try again, how many calls a second, and what becomes of alarms that do not arrive."""

import json
from dataclasses import asdict, replace

import pytest

from shared.access.register import from_json, to_json
from shared.access.register_difference import difference
from shared.access.register_toml import parse, read
from shared.access.rows import Alarms, Endpoint, Retry, Tenant

HEAD = """\
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[route]]
endpoint = "gerica"

[[route]]
endpoint = "centre"

[[endpoint]]
name = "centre"
title = "Responssenter"
adapter = "bundle"
url = "https://journal.example/centre"

[[endpoint]]
name = "gerica"
title = "Gerica"
adapter = "bundle"
url = "https://journal.example/gerica"
"""
OWN = """\
rate = 10
[endpoint.retry]
routine = [5, 60, 60, 600]
alarm = [1]
days = 3
attempts = 200
[endpoint.alarms]
second = "centre"
second_after = 30
page_after = 120
"""


def municipality(more: str) -> Tenant:
    return parse(HEAD + more, "file.toml")


def gerica(tenant: Tenant) -> Endpoint:
    return next(endpoint for endpoint in tenant.endpoints if endpoint.name == "gerica")


def test_what_the_file_says_is_what_the_endpoint_has() -> None:
    found = gerica(municipality(f"asks = false\n{OWN}"))
    assert (found.rate, found.retry, found.alarms) == (10, Retry((5, 60, 60, 600), (1,), 3, 200), Alarms("centre", 30, 120))
    assert (found.asks, gerica(municipality(OWN)).asks) == (False, True)


def test_what_it_leaves_out_is_the_usual() -> None:
    assert gerica(municipality("")) == gerica(municipality("[endpoint.retry]\n[endpoint.alarms]\n"))
    assert gerica(municipality("[endpoint.retry]\ndays = 9\n")).retry == replace(Retry(), days=9)


@pytest.mark.parametrize("more", ["", OWN])
def test_what_is_written_to_the_running_hub_is_read_again(more: str) -> None:
    tenant = municipality(more)
    assert from_json(to_json(tenant)) == tenant


def test_a_row_from_before_has_the_usual_schedule() -> None:
    data = json.loads(to_json(municipality("")))
    for endpoint in data["endpoints"]:
        for name in ("rate", "retry", "alarms", "asks"):
            del endpoint[name]
    assert from_json(json.dumps(data).encode()) == municipality("")


@pytest.mark.parametrize(
    ("more", "key", "what"),
    [
        ("rate = -1\n", "endpoint[1].rate", "must be between"),
        ("[endpoint.retry]\nroutine = []\n", "endpoint[1].retry.routine", "rising whole numbers"),
        ("[endpoint.retry]\nroutine = [60, 5]\n", "endpoint[1].retry.routine", "rising whole numbers"),
        ("[endpoint.retry]\nroutine = [5.5]\n", "endpoint[1].retry.routine", "rising whole numbers"),
        ("[endpoint.retry]\nalarm = [true]\n", "endpoint[1].retry.alarm", "rising whole numbers"),
        ("[endpoint.retry]\nalarm = [0]\n", "endpoint[1].retry.alarm", "rising whole numbers"),
        ("[endpoint.retry]\nalarm = 5\n", "endpoint[1].retry.alarm", "is of the wrong type"),
        ("[endpoint.retry]\ndays = 0\n", "endpoint[1].retry.days", "must be between"),
        ("[endpoint.retry]\nattempt = 5\n", "endpoint[1].retry.attempt", "is not a known key"),
        ("[endpoint.alarms]\nsecond = 'center'\n", "endpoint[1].alarms", "no endpoint of this file"),
        ("[endpoint.alarms]\nsecond = 'gerica'\n", "endpoint[1].alarms", "this very endpoint"),
        ("[endpoint.alarms]\nsecond_after = 1\n", "endpoint[1].alarms.second_after", "must be between"),
        ("[endpoint.alarms]\npage = 1\n", "endpoint[1].alarms.page", "is not a known key"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(more: str, key: str, what: str) -> None:
    tenant, findings = read(HEAD + more, "file.toml")
    assert tenant is None
    assert [(finding.key, finding.line > HEAD.count("\n")) for finding in findings if what in finding.what] == [(key, True)]


def test_a_reviewer_sees_what_changes() -> None:
    [line] = difference(municipality(""), municipality(OWN))
    assert "rate 0 -> 10" in line and "5, 60, 60, 600" in line and "second centre" in line and asdict(Retry())["days"] == 7
