"""A journal that fetches its documents from us, as `docs/pull.md` says: each lies on the endpoint's shelf under a name of its own."""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

from shared.domain.journal import Call, JournalAdapter, Sending
from shared.domain.national import WRITES
from shared.errors import Refused


def request(sending: Sending) -> Call:
    """PUT {type}/{id}: the same name on every attempt, so that it lies there once."""
    if sending.resource not in WRITES:
        raise Refused("no journal fetches resources of this type")
    return Call("PUT", f"{WRITES[sending.resource]}/{uuid5(NAMESPACE_URL, sending.key)}", {}, sending.document)


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """The shelf says no to nothing: by which name the journal fetches it."""
    return headers["location"]


ADAPTER = JournalAdapter(name="pull", request=request, verdict=verdict, shelved=True)
