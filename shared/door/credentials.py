"""What the hub shows a journal."""

import base64

from shared.access.register import Auth
from shared.errors import Unavailable
from shared.hub import Hub


def authorization(hub: Hub, auth: Auth | None) -> dict[str, str]:
    """The header by which a journal knows us; none where it asks for none. Unavailable: the secret has no value here."""
    if auth is None:
        return {}
    secret = hub.settings.secret(auth.secrets[0])
    if secret is None:
        raise Unavailable("the endpoint's secret is not set")
    if auth.scheme == "basic":
        return {"Authorization": "Basic " + base64.b64encode(f"{auth.user}:{secret}".encode()).decode()}
    return {auth.profile: secret}
