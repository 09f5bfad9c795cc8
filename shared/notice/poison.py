"""A queue message that failed five times: a fault of ours. Those whose lines it named are told; the sweep brings the lines back."""

from shared import log
from shared.flow.names import owner_of
from shared.hub import Hub
from shared.notice.ledger import Notice
from shared.notice.tell import tell
from shared.storage.queues import read


async def poison(hub: Hub, queue: str, message: bytes) -> None:
    """Said in the log first, whatever storage says; never raises."""
    log.alarm("poison", queue=queue)
    for tenant in sorted({owner_of(line)[0] for line in read(message)}):
        await tell(hub, Notice(tenant, "poison", queue))
