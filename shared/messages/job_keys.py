"""By which key a wish for a job is known when it is said again, since the answer to the first was lost.

keys~{orgnr}   hash of who wished it and of their key   {job, said: hash of what was wished, at}
"""

import hashlib
from typing import Any

from shared.access.people import letters
from shared.hub import Hub
from shared.storage.records import Record


async def claim(hub: Hub, tenant: str, key: tuple[str, str], said: Any, job: str) -> str | None:
    """The id of the job that goes by this key (whose, and which): `job`, unless it has one. None: something else was wished by it."""
    data = {"job": job, "said": _hashed(said), "at": hub.clock()}
    place = Record(_place(tenant), _hashed(key), data)
    if await hub.admin.write(place):
        return job
    known = (await hub.admin.read(place.partition, place.name)).data
    return str(known["job"]) if known.get("said") == data["said"] else None


async def forget(hub: Hub, tenant: str, before: float) -> None:
    """Those that were claimed before then."""
    for record in await hub.admin.all(_place(tenant)):
        if record.data["at"] < before:
            await hub.admin.drop(record)


def _place(tenant: str) -> str:
    return f"keys~{tenant}"


def _hashed(value: Any) -> str:
    return letters(hashlib.sha256(repr(value).encode()).hexdigest()[:32])
