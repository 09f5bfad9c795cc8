"""`./hub register test`, of those who are told: a trial notice by webhook or mail, and what is wrong where none arrives."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from local.frame import OK, USAGE, WRONG
from local.reaching import Said
from local.reaching_people import tell
from local.register_command import main
from shared.access.register import Auth, Recipient, Relay, Sender, Tenant
from shared.access.signature import authenticate
from shared.notice.ledger import Notice, seen
from shared.notice.words import data, words
from tests import mailing
from tests.mailing import relaying
from tests.test_notices import Hook, hooked
from tests.test_reaching import answering, journal, never, serve

TENANT = Tenant("310123455", "Eksempel kommune", True, 72, (), (), (), ())
HOOK = Recipient("on-call", "", None, ("HOOK_SECRET",), (), (), True)
WAY = Relay("127.0.0.1", 0, "knutepunkt@hub.example", ("drift@kommune.example",), "knutepunkt")
MAIL = Recipient("drift", "", WAY, ("SMTP_PASSWORD",), (), (), True)
ENV = {"HOOK_SECRET": "ord", "SMTP_PASSWORD": "ord", "HUB_ENVIRONMENT": "test"}
SIGNED = Sender("hub", "", "", (), Auth("hmac", "standard-webhooks", "", ("HOOK_SECRET",)), True)


@asynccontextmanager
async def hook(kept: Hook) -> AsyncIterator[str]:
    async with hooked(kept):
        yield kept.url


@asynccontextmanager
async def relay(kept: mailing.Relay) -> AsyncIterator[str]:
    async with relaying(kept):
        yield str(kept.port)


def tried(recipient: Recipient, **env: str) -> tuple[bool, list[str]]:
    said: list[Said] = []
    right = tell(TENANT, recipient, {**ENV, **env}, said.append)
    return right, [str(one) for one in said]


def mailed(kept: mailing.Relay, recipient: Recipient = MAIL, **env: str) -> tuple[bool, list[str]]:
    with serve(relay(kept)) as port:
        return tried(replace(recipient, relay=replace(WAY, port=int(port))), **env)


def test_a_webhook_gets_a_signed_notice_that_says_it_is_a_trial() -> None:
    kept = Hook()
    with serve(hook(kept)) as url:
        right, said = tried(replace(HOOK, url=url))
    [(headers, body)] = kept.taken
    told = orjson.loads(body)
    assert right
    assert said[-1] == (
        "✓ the webhook of on-call: took the trial notice; "
        'ask whether they saw "[Knutepunkt] Eksempel kommune: PRØVE fra Knutepunkt, ingenting er galt"'
    )
    assert (told["type"], told["data"]["kind"], told["data"]["subject"]) == ("notice.trial", "trial", "on-call")
    authenticate([SIGNED], ENV.get, headers, body, float(headers["webhook-timestamp"]))


def test_a_trial_has_the_fields_of_any_notice() -> None:
    kept = Hook()
    with serve(hook(kept)) as url:
        tried(replace(HOOK, url=url))
    notice = seen(None, Notice(TENANT.orgnr, "parked", "gerica", 1), 1.0)
    assert kept.bodies[0]["data"].keys() == data(notice, TENANT, words(notice, TENANT))["data"].keys()


def test_two_trials_are_two_messages() -> None:
    kept = Hook()
    with serve(hook(kept)) as url:
        tried(replace(HOOK, url=url))
        tried(replace(HOOK, url=url))
    assert len({headers["webhook-id"] for headers, _ in kept.taken}) == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (302, "answered 302; write the address that it leads to"),
        (401, "answered 401; compare the secret"),
        (404, "answered 404; compare url"),
        (500, "answered 500; ask them what they see"),
    ],
)
def test_a_webhook_that_says_no_is_told_with_what_to_do(status: int, words: str) -> None:
    with serve(answering(status)) as url:
        right, said = tried(replace(HOOK, url=url))
    assert not right
    assert said[-1].startswith(f"✗ the webhook of on-call: {words}")


def test_a_webhook_where_nobody_listens_is_not_called() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    right, said = tried(replace(HOOK, url=f"http://127.0.0.1:{port}/hook"))
    assert not right
    assert said[-1].startswith(f"✗ the webhook of on-call: no connection to port {port}")


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"HOOK_SECRET": ""}, "the setting HOOK_SECRET has no value here; give it in the environment"),
        ({"HOOK_SECRET": "whsec_no base64"}, "a secret begins with whsec_ and is no base64 behind it; copy it anew"),
    ],
)
def test_a_secret_that_will_not_do_is_told_and_nothing_sent(env: dict[str, str], words: str) -> None:
    kept = Hook()
    with serve(hook(kept)) as url:
        right, said = tried(replace(HOOK, url=url), **env)
    assert (right, kept.tries) == (False, 0)
    assert said[-1].startswith(f"✗ the webhook of on-call: {words}")


def test_a_relay_gets_a_mail_that_says_it_is_a_trial() -> None:
    kept = mailing.Relay()
    right, said = mailed(kept)
    [mail] = kept.mails
    assert right, said
    assert mail["Subject"] == "[Knutepunkt] Eksempel kommune: PRØVE fra Knutepunkt, ingenting er galt"
    assert "du skal ikke gjøre noe" in mail.get_content()
    assert kept.logins == [("knutepunkt", "ord")]


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (mailing.Relay(login="535 no"), "does not take user and password (535); compare user"),
        (mailing.Relay(answer="554 no"), "does not take the mail (554); ask who runs it"),
    ],
)
def test_a_relay_that_says_no_is_told_with_its_code(kept: mailing.Relay, words: str) -> None:
    right, said = mailed(kept)
    assert not right
    assert said == [f"✗ the mail relay of drift: {words}" + said[-1].partition(words)[2]]


def test_a_relay_where_nobody_listens_or_whose_name_nobody_knows_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    assert "nothing listens at its port" in tried(replace(MAIL, relay=replace(WAY, port=port)))[1][-1]
    assert "its name is not known here" in tried(replace(MAIL, relay=replace(WAY, host="relay.invalid")))[1][-1]


# the command

FILE = """
[tenant]
orgnr = "310123455"
name = "Eksempel kommune"

[[endpoint]]
name = "epj"
title = "Journal"
adapter = "bundle"
url = "{url}"

[[route]]
endpoint = "epj"

[[notify]]
name = "on-call"
url = "{hook}"
secrets = ["HOOK_SECRET"]
"""


def command(folder: Path, url: str, hook: str, *argv: str, **env: str) -> int:
    file = folder / "town.toml"
    file.write_text(FILE.format(url=url, hook=hook))
    return main(["test", str(file), *argv], never, {}, None, {**ENV, **env})


def test_without_a_name_everything_in_the_file_is_tried_each_under_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Hook()
    with serve(journal()) as url, serve(hook(kept)) as at:
        assert command(tmp_path, url, at) == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines[1:] if not line.startswith("✓")] == ["", "epj", "", "on-call"]
    assert len(kept.taken) == 1


def test_all_of_it_is_tried_though_the_first_is_wrong(tmp_path: Path) -> None:
    kept = Hook()
    with serve(answering(500)) as url, serve(hook(kept)) as at:
        assert command(tmp_path, url, at) == WRONG
    assert len(kept.taken) == 1


def test_a_recipient_can_be_tried_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(answering(500)) as url, serve(hook(Hook())) as at:
        assert command(tmp_path, url, at, "on-call") == OK
        assert command(tmp_path, url, at, "oncall") == USAGE
    assert 'did you mean "on-call"?' in capsys.readouterr().err
