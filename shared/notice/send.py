"""Tells recipients what they have not been told yet, each by itself: one that cannot be reached is tried again, and keeps nobody waiting.

Before a call the row says who tries it until when, so that two instances do not both; should we fall in between, it is said again later
under the same id.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared import log
from shared.access.register import Recipient, Tenant
from shared.access.signing import signed
from shared.domain.journal import Call
from shared.door.exchange import exchange
from shared.errors import HubError, Unavailable
from shared.hub import Hub
from shared.notice.ledger import Standing, due, from_record, reached, to_data, trying
from shared.notice.mail import Post, mail
from shared.notice.tell import each
from shared.notice.words import Words, data, words
from shared.storage.records import Record

_ROUNDS = 5  # lost races until the recipient hears it once more instead
_SEVERITIES = ("page", "error", "warning")  # in this order
_AT_ONCE = 64  # notices; most of them wait for somebody who does not answer
_ANSWER = 1024  # bytes of a webhook's answer that are read


@dataclass(slots=True)
class _Round:
    """One recipient's calls come one after another; the first that fails is the last of this round."""

    hub: Hub
    turns: dict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    lost: set[tuple[str, str]] = field(default_factory=set)


async def send(hub: Hub) -> None:
    """Everything that is due now, the most severe first."""
    now = _Round(hub)
    register = await hub.registers.current()
    standing = [(record, from_record(record)) for record in await hub.notices.all()]
    standing.sort(key=lambda one: _SEVERITIES.index(one[1].severity))

    async def one(row: tuple[Record, Standing]) -> None:
        record, notice = row
        tenant = register.tenant(record.partition)
        wanted = due(notice, tenant.recipients, hub.clock()) if tenant else []
        if tenant and wanted:
            await _tell(now, tenant, record, notice, wanted)

    await each(standing, one, _AT_ONCE)


async def _tell(now: _Round, tenant: Tenant, record: Record, notice: Standing, wanted: Sequence[Recipient]) -> None:
    hub, names = now.hub, [one.name for one in wanted]
    claim = trying(notice, names, hub.clock())
    claimed = await hub.notices.write(Record(record.partition, record.name, to_data(claim), record.etag))
    if claimed is None:
        return  # another instance is at it, or has more to say
    told: list[str] = []

    async def one(recipient: Recipient) -> None:
        who = (tenant.orgnr, recipient.name)
        async with now.turns[who]:
            if who not in now.lost and await _told(hub, recipient, tenant, notice):
                told.append(recipient.name)
            else:
                now.lost.add(who)

    await each(wanted, one)
    await _note(hub, claimed, notice, told)


async def _note(hub: Hub, record: Record, notice: Standing, told: list[str]) -> None:
    """Writes down who has been told so much, whatever else has been seen of the same meanwhile."""
    for _ in range(_ROUNDS if told else 0):
        after = reached(from_record(record), told, notice.news)
        if await hub.notices.write(Record(record.partition, record.name, to_data(after), record.etag)):
            return
        record = await hub.notices.read(record.partition, record.name)
        if not record.data or from_record(record).id != notice.id:
            return


async def _told(hub: Hub, recipient: Recipient, tenant: Tenant, notice: Standing) -> bool:
    said = words(notice, tenant)
    try:
        await hand_over(hub, recipient, said, data(notice, tenant, said))
    except (HubError, TimeoutError, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, HubError) else type(error).__name__
        log.alarm("recipient not reached", tenant=tenant.orgnr, recipient=recipient.name, kind=notice.notice.kind, reason=reason)
        return False
    log.step("told", tenant=tenant.orgnr, recipient=recipient.name, kind=notice.notice.kind, message=said.message)
    return True


async def hand_over(hub: Post, recipient: Recipient, said: Words, body: Mapping[str, Any]) -> None:
    """Returns once they have taken it, as mail or as a webhook's `body`. Raises HubError, TimeoutError, OSError or ValueError."""
    secrets = _secrets(hub, recipient)
    if recipient.relay:
        await mail(hub, recipient.relay, secrets[0] if secrets else None, said)
    else:
        await _post(hub, recipient.url, secrets, said.message, orjson.dumps(body))


async def _post(hub: Post, url: str, secrets: Sequence[str], message: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json", **signed(secrets, message, hub.clock(), body)}
    heard = await exchange(hub, Call("POST", url, headers, body), None, _ANSWER)
    if not 200 <= heard.status < 300:
        raise Unavailable(f"answered {heard.status}")


def _secrets(hub: Post, recipient: Recipient) -> list[str]:
    """Those that have a value; the first one must. A relay may ask for none."""
    values = [hub.settings.secret(name) for name in recipient.secrets]
    if values and not values[0]:
        raise Unavailable(f"the setting {recipient.secrets[0]} has no value here")
    return [value for value in values if value]
