"""What needs a human is told once: real storage, a mail relay and a webhook's receiver on this machine, a clock that the test moves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from adapters.devices.vkp.adapter import ADAPTER as VKP
from shared.access.register import Auth, Recipient, Register, Relay, Sender, Stop, Watch
from shared.access.register_notices import KINDS
from shared.access.signature import authenticate
from shared.domain.message import Lane
from shared.notice.ledger import Notice, seen
from shared.notice.poison import poison
from shared.notice.watch import watch
from shared.notice.words import length, words
from tests import mailing
from tests.mailing import relaying
from tests.running import example
from tests.test_forward import Behaviour, Journal, answering, journalled
from tests.test_transform import SECRET, Town, another, municipality, note, use

MINUTE, HOUR, DAY = 60.0, 3600.0, 24 * 3600.0
NAMES = tuple(SECRET)
DOCS = (Path(__file__).parent.parent / "docs/operators.md").read_text()
SIGNED = Sender("hub", "", "", (), Auth("hmac", "standard-webhooks", "", NAMES), True)


@pytest.fixture
def storage(accounts: Iterator[str]) -> str:
    """Of the test's own: the watch looks at every line that there is."""
    return next(accounts)


@dataclass(slots=True)
class Hook:
    """A webhook's receiver: keeps what it took, with the headers; `status`: its answer."""

    url: str = ""
    status: int = 200
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    tries: int = 0

    async def take(self, call: web.Request) -> web.Response:
        body = await call.read()
        self.tries += 1
        if self.status == 200:
            self.taken.append(({name.lower(): value for name, value in call.headers.items()}, body))
        return web.Response(status=self.status)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Type and kind of each."""
        return [(body["type"], body["data"]["kind"]) for body in self.bodies]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.taken]


class Stalling(Hook):
    """Takes longer than a call may last."""

    async def take(self, call: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return await Hook.take(self, call)


@asynccontextmanager
async def hooked(hook: Hook | None = None) -> AsyncIterator[Hook]:
    hook, app = hook or Hook(), web.Application()
    app.add_routes([web.post("/hook", hook.take)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()


def by_hook(hook: Hook, *kinds: str, name: str = "hook") -> Recipient:
    return Recipient(name, hook.url, None, NAMES, kinds, (), True)


def by_mail(relay: mailing.Relay, user: str = "", **changes: Any) -> Recipient:
    way = Relay("127.0.0.1", relay.port, "knutepunkt@hub.example", ("drift@kommune.example",), user)
    return replace(Recipient("drift", "", way, NAMES if user else (), (), (), True), **changes)


@asynccontextmanager
async def watched(storage: str, behave: Behaviour = lambda _patient, _title: None) -> AsyncIterator[tuple[Town, Journal, Hook]]:
    """A municipality whose webhook is told everything."""
    async with journalled(storage, behave) as (here, journal), hooked() as hook:
        here.change(recipients=(by_hook(hook),))
        yield here, journal, hook


async def watch_for(here: Town, seconds: float, every: float = MINUTE) -> None:
    """The host and the watch, for so long."""
    until = here.clock() + seconds
    while here.clock() < until:
        await here.run(min(every, until - here.clock()))
        await watch(here.hub)


async def pass_by(here: Town, seconds: float, every: float = MINUTE) -> None:
    """The watch alone: nothing is sent to the journal meanwhile."""
    until = here.clock() + seconds
    while here.clock() < until:
        here.clock.now += every
        await watch(here.hub)


# an outage is one message


async def outage(here: Town, title: str = "n") -> None:
    """Three patients' parcels find no answer."""
    for number in range(3):
        await here.post(note(f"{title}{number}", f"p{number}"))
    await here.run(MINUTE)


def test_an_outage_is_one_message_and_its_end_another(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage, answering(503)) as (here, journal, hook):
            await outage(here)
            await watch_for(here, 3 * MINUTE)
            journal.behave = lambda _patient, _title: None
            await here.run(2 * MINUTE)
            await pass_by(here, 10 * MINUTE)
            await pass_by(here, 2 * DAY, 6 * HOUR)
            return hook.told

    assert asyncio.run(run()) == [("notice.opened", "endpoint-failing"), ("notice.over", "endpoint-failing")]


def test_while_it_lasts_it_is_told_once_a_day_and_at_each_level(storage: str) -> None:
    async def run() -> list[tuple[str, int, float]]:
        async with watched(storage, answering(503)) as (here, _, hook):
            start = here.clock()
            await outage(here)
            here.change(recipients=(by_hook(hook, "endpoint-failing"),))
            await pass_by(here, 7 * DAY * 0.95, 4 * HOUR)
            bodies = hook.bodies
            assert len({body["data"]["notice"] for body in bodies}) == 1
            assert start < here.clock()
            return [(body["type"], body["data"]["level"], round(body["data"]["facts"]["oldest"] / DAY, 1)) for body in bodies]

    found = asyncio.run(run())
    assert [(state, level) for state, level, _ in found] == [
        ("notice.opened", 0),
        *[("notice.lasts", 0)] * 3,
        *[("notice.lasts", 50)] * 2,
        *[("notice.lasts", 70)] * 2,
        ("notice.lasts", 90),
    ]
    assert [age for state, level, age in found if level][::2] == [3.5, 5.0, 6.3]


def test_an_endpoint_that_comes_and_goes_is_one_outage(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage, answering(503)) as (here, journal, hook):
            here.change(recipients=(by_hook(hook, "endpoint-failing"),))
            for number in range(4):
                journal.behave = answering(503)
                await outage(here, f"round {number}")
                await watch_for(here, 2 * MINUTE)
                journal.behave = lambda _patient, _title: None
                await watch_for(here, 3 * MINUTE)
            await watch_for(here, 10 * MINUTE)
            return hook.told

    assert asyncio.run(run()) == [("notice.opened", "endpoint-failing"), ("notice.over", "endpoint-failing")]


def test_two_instances_and_a_restart_say_it_once(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage, answering(503)) as (here, _, hook):
            await outage(here)
            for _ in range(5):
                await here.run(MINUTE)
                async with another(here) as other:
                    await asyncio.gather(watch(here.hub), watch(other))
            return hook.told

    assert asyncio.run(run()) == [("notice.opened", "endpoint-failing")]


def test_one_that_fell_after_it_had_said_it_says_it_again_under_the_same_id(storage: str) -> None:
    async def run() -> list[str]:
        async with watched(storage, answering(503)) as (here, _, hook):
            await outage(here)
            kept, here.hub.notices.write = here.hub.notices.write, None  # type: ignore[method-assign,assignment]

            async def falls(record: Any) -> Any:
                """Dies before it can write down that the hook took it."""
                if any(news for news, _, _ in record.data["told"].values()):
                    raise RuntimeError("fell")
                return await kept(record)

            here.hub.notices.write = falls  # type: ignore[method-assign]
            await watch_for(here, MINUTE)
            here.hub.notices.write = kept  # type: ignore[method-assign]
            await watch_for(here, 5 * MINUTE)
            return [headers["webhook-id"] for headers, _ in hook.taken]

    first, second = asyncio.run(run())
    assert first == second


# alarms


def test_an_alarm_that_is_late_is_paged_within_six_minutes_and_every_hour(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(VKP, lane=lambda _items: Lane.ALARM))

    async def run() -> list[tuple[str, str, float]]:
        async with watched(storage, answering(503)) as (here, _, hook):
            start = here.clock()
            here.change(recipients=(by_hook(hook, "alarm-late"),))
            await here.post(note("fall"))
            await here.run()
            await pass_by(here, 8 * MINUTE)
            await pass_by(here, 75 * MINUTE, 5 * MINUTE)
            assert all(body["data"]["severity"] == "page" for body in hook.bodies)
            told = [(body["type"], body["data"]["subject"], body["timestamp"]) for body in hook.bodies]
            return [(state, subject, _seconds(at) - start) for state, subject, at in told]

    found = asyncio.run(run())
    assert [(state, subject) for state, subject, _ in found] == [("notice.opened", "journal"), ("notice.lasts", "journal")]
    assert found[0][2] <= 6 * MINUTE and HOUR <= found[1][2] - found[0][2] <= 65 * MINUTE


HELD = "Trafikken er stoppet for hånd: ./hub messages stops {orgnr} viser det, og start slipper den løs."


@pytest.mark.parametrize(
    ("held", "told", "why"),
    [
        ({"sender": "cloud"}, "1 alarm fra Prøvesky er ikke sendt videre.", HELD),
        ({}, "1 alarm fra Prøvesky er ikke sendt videre.", HELD),
        ({"endpoint": "journal"}, "1 alarm har ikke nådd fram til Journal.", HELD),
        ({"endpoint": "another"}, "1 alarm har ikke nådd fram til Journal.", "Finn deretter ut hvorfor det stopper ved Journal."),
    ],
    ids=["sender", "municipality", "endpoint", "another endpoint"],
)
def test_a_late_alarm_is_told_with_where_it_waits_and_whether_a_hand_holds_it_back(
    storage: str, monkeypatch: pytest.MonkeyPatch, held: dict[str, str], told: str, why: str
) -> None:
    use(monkeypatch, replace(VKP, lane=lambda _items: Lane.ALARM))

    async def run() -> str:
        async with watched(storage, answering(503)) as (here, _, hook):
            here.change(recipients=(by_hook(hook, "alarm-late"),))
            stop = Stop(here.tenant.orgnr, since=here.clock(), who="kari", why="prøve", **held)
            here.book.register = Register({here.tenant.orgnr: here.tenant}, (stop,))
            await here.post(note("fall"))
            await here.run()
            await pass_by(here, 6 * MINUTE)
            [body] = hook.bodies
            return str(body["data"]["text"]).replace(here.tenant.orgnr, "{orgnr}")

    text = asyncio.run(run())
    assert f"\n\n{told} Den eldste har ventet i " in text, text
    assert f"ring responssenteret eller se i alarmsystemet. {why}\n" in text, text


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


# what stands aside


def test_parked_parcels_are_one_notice_that_grows(storage: str) -> None:
    async def run() -> list[tuple[str, str, int]]:
        async with watched(storage, answering(422)) as (here, _, hook):
            for number in range(3):
                await here.post(note(f"n{number}", f"p{number}"))
                await watch_for(here, MINUTE)
            await pass_by(here, 2 * HOUR, 10 * MINUTE)
            return [(*told, body["data"]["count"]) for told, body in zip(hook.told, hook.bodies, strict=True)]

    assert asyncio.run(run()) == [("notice.opened", "parked", 1), ("notice.lasts", "parked", 3)]


def test_payloads_of_unknown_devices_are_told_with_how_many_and_not_of_whom(storage: str) -> None:
    async def run() -> tuple[list[tuple[str, str]], dict[str, Any], bytes]:
        async with watched(storage) as (here, _, hook):
            await here.post(example("tenovi", "glucose-in-mg-per-dl.json"), "tenovi")
            await watch_for(here, 2 * MINUTE)
            return hook.told, hook.bodies[0]["data"], hook.taken[0][1]

    told, first, raw = asyncio.run(run())
    assert told == [("notice.opened", "unknown-device")]
    assert (first["subject"], first["count"]) == ("cloud", 1)
    assert b"0f4c2a10" not in raw


def test_what_cannot_be_read_is_set_aside_and_told(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage) as (here, _, hook):
            here.change(routes=())
            await here.post(note("a"))
            await watch_for(here, 2 * MINUTE)
            return hook.told

    assert asyncio.run(run()) == [("notice.opened", "set-aside")]


def test_a_poison_message_is_told_to_those_whose_line_it_named(storage: str) -> None:
    async def run() -> list[tuple[str, str, str, int]]:
        async with watched(storage) as (here, _, hook):
            for _ in range(2):
                await poison(here.hub, "parcels-routine", orjson.dumps([here.line()]))
            await poison(here.hub, "parcels-routine", b"not ours")
            await watch_for(here, MINUTE)
            await pass_by(here, 3 * DAY, 3 * HOUR)
            return [(*told, body["data"]["subject"], body["data"]["count"]) for told, body in zip(hook.told, hook.bodies, strict=True)]

    assert asyncio.run(run()) == [("notice.opened", "poison", "parcels-routine", 2)]


def test_what_waits_too_long_is_told_per_lane_unless_its_endpoint_is_known_to_fail(storage: str) -> None:
    async def run() -> list[tuple[str, str, str]]:
        async with watched(storage) as (here, _, hook):
            [endpoint] = here.tenant.endpoints
            here.change(endpoints=(replace(endpoint, active=False),), watch=Watch(routine=30))
            await here.post(note("a"))
            await here.run()
            await pass_by(here, 29 * MINUTE, 10 * MINUTE)
            assert hook.told == []
            await pass_by(here, 2 * MINUTE)
            here.change(endpoints=(endpoint,))
            await here.run(MINUTE)
            await pass_by(here, 10 * MINUTE)
            return [(*told, body["data"]["subject"]) for told, body in zip(hook.told, hook.bodies, strict=True)]

    assert asyncio.run(run()) == [("notice.opened", "waiting", "routine"), ("notice.over", "waiting", "routine")]


# who is told, and how


def test_a_webhook_is_signed_so_that_our_own_door_would_let_it_in(storage: str) -> None:
    async def run() -> str:
        async with watched(storage, answering(503)) as (here, _, hook):
            await outage(here)
            await watch_for(here, MINUTE)
            [(headers, body)] = hook.taken
            return authenticate([SIGNED], SECRET.get, headers, body, here.clock()).name

    assert asyncio.run(run()) == "hub"


def test_a_webhook_that_fails_is_tried_again_and_hears_the_latest_only(storage: str) -> None:
    async def run() -> tuple[int, list[tuple[str, str]]]:
        async with watched(storage, answering(503)) as (here, journal, hook):
            hook.status = 500
            await outage(here)
            await pass_by(here, HOUR)
            tries, journal.behave = hook.tries, lambda _patient, _title: None
            await here.run(2 * MINUTE)
            await pass_by(here, 10 * MINUTE)
            hook.status = 200
            await pass_by(here, 2 * HOUR, 10 * MINUTE)
            return tries, hook.told

    tries, told = asyncio.run(run())
    assert tries == 6, "after 0, 1, 3, 8, 23 and 53 minutes"
    assert told == [("notice.over", "endpoint-failing")]


def test_one_recipient_that_stalls_keeps_no_other_waiting(storage: str) -> None:
    async def run() -> tuple[int, list[tuple[str, str]]]:
        async with watched(storage, answering(503)) as (here, _, hook), hooked(Stalling()) as stalled:
            here.change(recipients=(by_hook(stalled, name="stalled"), by_hook(hook)))
            await outage(here)
            await watch_for(here, MINUTE)
            return len(stalled.taken), hook.told

    assert asyncio.run(run()) == (0, [("notice.opened", "endpoint-failing")])


def test_a_recipient_that_does_not_answer_is_tried_once_a_round_however_much_there_is_to_say(storage: str) -> None:
    async def run() -> tuple[int, int]:
        async with watched(storage) as (here, _, hook):
            hook.status = 500
            for number in range(20):
                await poison(here.hub, f"queue-{number}", orjson.dumps([here.line()]))
            await pass_by(here, MINUTE)
            first, hook.status = hook.tries, 200
            await pass_by(here, 2 * MINUTE)
            return first, len(hook.taken)

    assert asyncio.run(run()) == (1, 20)


def test_a_recipient_is_told_of_its_kinds_and_severities_only(storage: str) -> None:
    async def run() -> list[tuple[str, str]]:
        async with watched(storage, answering(503)) as (here, _, hook):
            one = by_hook(hook)
            here.change(recipients=(replace(one, kinds=("parked",)), replace(one, name="b", severities=("page",))))
            await outage(here)
            await watch_for(here, MINUTE)
            return hook.told

    assert asyncio.run(run()) == []


def test_nobody_is_named_in_what_is_told_or_logged(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    """A patient, the titles of notes, a secret."""

    async def run() -> bytes:
        async with watched(storage, answering(422)) as (here, _, hook), relaying(mailing.Relay()) as relay:
            here.change(recipients=(by_hook(hook), by_mail(relay, "knutepunkt")))
            await here.post(note("Falt-i-trappen", "pasient-4711"))
            await watch_for(here, MINUTE)
            return b"".join([body for _, body in hook.taken] + [mail.as_bytes() for mail in relay.mails])

    caplog.set_level(logging.INFO)
    said = asyncio.run(run()) + caplog.text.encode()
    assert b"parked" in said
    assert not any(word in said for word in (b"Falt-i-trappen", b"pasient-4711", SECRET[NAMES[0]].encode()))


# mail


def mailed(storage: str, relay: mailing.Relay, user: str = "", seconds: float = MINUTE) -> mailing.Relay:
    """What a relay took of an outage."""

    async def run() -> mailing.Relay:
        async with watched(storage, answering(503)) as (here, _, _hook), relaying(relay):
            here.change(recipients=(by_mail(relay, user),))
            await outage(here)
            await pass_by(here, seconds, min(seconds, HOUR))
            return relay

    return asyncio.run(run())


def test_a_mail_says_in_bokmål_what_is_so_and_what_to_do(storage: str) -> None:
    [mail] = mailed(storage, mailing.Relay()).mails
    text = mail.get_content()
    assert mail["Subject"] == "[Knutepunkt] Eksempel kommune: Journal svarer ikke"
    assert (mail["To"], mail["From"]) == ("drift@kommune.example", "knutepunkt@hub.example")
    assert "3 meldinger venter der" in text and "Hva du kan gjøre: Spør leverandøren av Journal" in text


def test_a_relay_that_asks_for_a_password_gets_the_one_that_the_register_names(storage: str) -> None:
    relay = mailed(storage, mailing.Relay(), "knutepunkt")
    assert relay.logins == [("knutepunkt", SECRET[NAMES[0]])]


def test_a_relay_that_says_later_is_asked_again_and_the_log_says_so(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> int:
        async with watched(storage, answering(503)) as (here, _, _hook), relaying(mailing.Relay(answer="451 later")) as relay:
            here.change(recipients=(by_mail(relay),))
            await outage(here)
            await watch_for(here, 2 * MINUTE)
            assert relay.mails == []
            relay.answer = "250 taken"
            await watch_for(here, 5 * MINUTE)
            return len(relay.mails)

    assert asyncio.run(run()) == 1
    assert '"alarm": "recipient not reached"' in caplog.text


def test_the_mails_of_one_outage_are_one_thread(storage: str) -> None:
    first, second = mailed(storage, mailing.Relay(), seconds=DAY + HOUR).mails
    assert second["References"] == first["Message-ID"] != second["Message-ID"]


# the words


FACTS = {"oldest": 640, "limit": 604800, "unknown": 1, "days": 1, "day": "2026-12-08", "ids": "receipt 1.cloud.routine.7.0"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 3])
def test_every_kind_can_be_said_and_is_explained_in_the_operators_page(kind: str, count: int) -> None:
    tenant = municipality("https://journal.example", 1, True)
    standing = seen(None, Notice(tenant.orgnr, kind, "journal", count, 0, FACTS), 1_795_348_800.0)
    said = words(standing, tenant)
    assert said.subject.startswith("[Knutepunkt] Eksempel kommune: ") and "Hva du kan gjøre: " in said.body
    assert not set("{}") & set(said.subject + said.body)
    assert f"| `{kind}` | {KINDS[kind]} |" in DOCS


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(40, "40 sekunder"), (60, "1 minutt"), (3600, "1 time"), (90_061, "1 døgn 1 time"), (7 * DAY, "7 døgn"), (5400, "1 time 30 minutter")],
)
def test_a_length_is_told_in_its_two_largest_units(seconds: float, told: str) -> None:
    assert length(seconds) == told
