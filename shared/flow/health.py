"""Whether the hub is alive, and whether it can take messages."""

import asyncio

import orjson
from azure.core.exceptions import AzureError

from shared.door.answers import JSON, Fault, Reply, refused
from shared.hub import Hub

_PATIENCE = 8.0  # seconds


def alive() -> Reply:
    """Says only that the worker runs."""
    return Reply(200, JSON, orjson.dumps({"status": "alive"}))


async def ready(hub: Hub) -> Reply:
    """200 if a payload could be stored and queued now: storage answers, and at least one municipality is registered."""
    try:
        async with asyncio.timeout(_PATIENCE):
            await hub.registers.refresh()
            await hub.queues.answer()
    except (AzureError, TimeoutError):
        fault = Fault(503, "storage does not answer", "check the storage account and the app's access to it", headers={"Retry-After": "5"})
        return refused(fault, None)
    municipalities = len((await hub.registers.current()).tenants)
    if not municipalities:
        return refused(Fault(503, "no municipality is registered", "./hub register apply FILE"), None)
    return Reply(200, JSON, orjson.dumps({"status": "ready", "municipalities": municipalities}))
