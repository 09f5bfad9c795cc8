"""Settings of the national contract: what is read, and what stops the start with the setting's name and never its value."""

import json
from typing import Any

import pytest

from shared.flow.attend import _SHIFT
from shared.settings import LONGEST_HOLD, BadSetting, Settings
from tests.azurite import ROOT

ENV = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "HUB_PATIENT_KEY": "k" * 32}
HELSEID = "https://helseid-sts.nhn.no"


def issuers(*rows: Any) -> dict[str, str]:
    return {"HUB_ISSUERS": json.dumps(rows)}


def test_without_any_setting_tokens_open_nothing_and_invented_people_are_kept_out() -> None:
    settings = Settings.from_env(ENV)
    assert (settings.issuers, settings.numbers, settings.compatible, settings.dpop) == ((), "production", False, frozenset())


def test_an_issuer_needs_no_more_than_its_address() -> None:
    [issuer] = Settings.from_env(ENV | issuers({"issuer": HELSEID})).issuers
    assert (issuer.issuer, issuer.audience, issuer.method) == (HELSEID, "nhn:vkp", "private_key_jwt")


def test_another_issuer_says_its_own_ways() -> None:
    row = {"issuer": "https://login.example/t", "audience": "api://hub", "sender_claim": "azp", "method_claim": "", "scope_claim": "roles"}
    first, second = Settings.from_env(ENV | issuers({"issuer": HELSEID}, {**row, "algorithms": ["RS256"], "leeway": 5})).issuers
    assert first.audience == "nhn:vkp"
    assert (second.sender_claim, second.method_claim, second.algorithms, second.leeway) == ("azp", "", ("RS256",), 5.0)


BAD: list[tuple[str, str]] = [
    ("HUB_ENVIRONMENT", "staging"),
    ("HUB_VKP_STATUS", "400"),
    ("HUB_HOLD_SECONDS", "76"),
    ("HUB_PUBLIC_URL", "hub.example"),
    ("HUB_PUBLIC_URL", "http://hub.example"),
    ("HUB_DPOP", "patient"),
    ("HUB_DPOP", "patient.delete"),
    ("HUB_DPOP", "patients.read"),
    ("HUB_DPOP", "Patient.read"),
    ("HUB_DPOP", "patient.write"),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "client_claim": ""}]'),
    ("HUB_ISSUERS", ""),
    ("HUB_ISSUERS", "hemmelig"),
    ("HUB_ISSUERS", "{}"),
    ("HUB_ISSUERS", "[]"),
    ("HUB_ISSUERS", "[1]"),
    ("HUB_ISSUERS", '[{"audience": "hemmelig"}]'),
    ("HUB_ISSUERS", '[{"issuer": 1}]'),
    ("HUB_ISSUERS", '[{"issuer": "http://hemmelig.example"}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "hemmelig": 1}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "audience": ""}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "sender_claim": ""}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "algorithms": ["HS256"]}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "algorithms": ["none"]}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "algorithms": []}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "algorithms": [[]]}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example", "leeway": 3600}]'),
    ("HUB_ISSUERS", '[{"issuer": "https://a.example"}, {"issuer": "https://a.example"}]'),
    ("HUB_ADMIN", "hemmelig"),
    ("HUB_ADMIN", '[{"issuer": "https://a.example", "level_claim": ""}]'),
    ("HUB_ADMIN", '[{"issuer": "https://a.example", "level": ""}]'),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_stops_the_start_by_its_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name) as caught:
        Settings.from_env(ENV | {name: value})
    assert "hemmelig" not in str(caught.value)


def test_the_longest_hold_fits_twice_in_the_time_that_a_function_may_run() -> None:
    """The receipt's line and then the parcel's, each for a shift and a turn that began at its end."""
    hours, minutes, seconds = json.loads((ROOT / "host.json").read_text())["functionTimeout"].split(":")
    held = Settings.from_env(ENV | {"HUB_HOLD_SECONDS": str(LONGEST_HOLD)}).hold_seconds
    assert 2 * (_SHIFT + held) < 3600 * int(hours) + 60 * int(minutes) + int(seconds)


def test_dpop_needs_to_know_the_address_that_proofs_are_for() -> None:
    with pytest.raises(BadSetting, match="HUB_PUBLIC_URL"):
        Settings.from_env(ENV | {"HUB_DPOP": "*.read"})
    settings = Settings.from_env(ENV | {"HUB_DPOP": "*.read, bundle.write", "HUB_PUBLIC_URL": "https://hub.example/"})
    assert (settings.dpop, settings.public_url) == (frozenset({"*.read", "bundle.write"}), "https://hub.example")


def test_people_have_their_own_audience_and_level_and_need_an_address() -> None:
    admin = {"HUB_ADMIN": json.dumps([{"issuer": HELSEID}])}
    with pytest.raises(BadSetting, match="HUB_PUBLIC_URL"):
        Settings.from_env(ENV | admin)
    [one] = Settings.from_env(ENV | admin | {"HUB_PUBLIC_URL": "https://hub.example"}).admins
    assert (one.audience, one.level) == ("knutepunkt:admin", "4")
    assert (one.level_claim, one.sender_claim) == ("helseid://claims/identity/security_level", "helseid://claims/identity/pid")
    with pytest.raises(BadSetting, match="audience of its own"):
        same = issuers({"issuer": HELSEID, "audience": "knutepunkt:admin"})
        Settings.from_env(ENV | admin | same | {"HUB_PUBLIC_URL": "https://hub.example"})
