"""Whether what is named is there (messages.existing), as a caller is told."""

from collections.abc import Mapping

from shared.door.answers import Fault
from shared.hub import Hub
from shared.messages.existing import missing


async def existing(hub: Hub, tenant: str, given: Mapping[str, str]) -> None:
    """Raises Fault, with the names that there are."""
    if gap := await missing(hub, tenant, given):
        field, names = gap
        raise Fault(400, f"the municipality has no such {field}", f"send one of {', '.join(names)}", field=f"$.{field}")
