"""May they: what `access.permission` decides, as an answer."""

from collections.abc import Sequence

from shared.access import permission
from shared.access.register import Tenant
from shared.door.answers import Fault
from shared.door.prove import Caller

NO_TENANT = Fault(
    404,
    "no municipality with this organisation number is connected to this hub",
    "check the number in the path; ask the municipality",
    code="2.2",
)
STOPPED = Fault(
    403,
    "traffic from this sender to this municipality is stopped",
    "keep the payload and ask the municipality when it opens again",
    code="1.1",
)


def refused_by(tenant: Tenant, caller: Caller, action: str, codes: Sequence[str] = ()) -> Fault | None:
    """Why the bearer of a token may not do this. Whoever proved itself without one may send what its row's adapters say."""
    if caller.scopes is None:
        return None
    no = permission.refused(tenant, caller.sender, action, caller.scopes, codes)
    return Fault(403, no.reason, no.remedy, code=no.code) if no else None
