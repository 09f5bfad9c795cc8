"""`./hub register test`, of those who are told: sends one of them a trial notice, by the way that notices take."""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping

from local.reaching import NO_TOKEN, RIGHT, WRONG, Outside, Said, arrival, opened
from shared.access.rows import Recipient, Tenant
from shared.errors import HubError
from shared.notice.send import hand_over
from shared.notice.trial import data, trial

OPEN = "ask whether a firewall on the way, or on their side, lets this machine through"
TLS = "ask for a relay with STARTTLS and a certificate of a public authority: nothing is sent unencrypted"
FAILED: tuple[tuple[type[Exception], str, str], ...] = (  # the first that fits
    (smtplib.SMTPAuthenticationError, "does not take user and password", "compare user, and the password in the setting of secrets"),
    (smtplib.SMTPRecipientsRefused, "does not take mail to all of those in to", "compare to; it may take mail to its own domain only"),
    (smtplib.SMTPSenderRefused, "does not take mail from the address in from", "compare from with what the relay lets this user write as"),
    (smtplib.SMTPDataError, "does not take the mail", "ask who runs it what its log says"),
    (smtplib.SMTPNotSupportedError, "offers no STARTTLS, or no log-in where user is given", TLS),
    (smtplib.SMTPServerDisconnected, "hangs up", "ask whether it takes mail from this machine, and compare port (587)"),
    (smtplib.SMTPException, "does not speak as a mail relay does", "compare host and port (587)"),
    (ssl.SSLError, "its certificate does not hold, or no TLS comes about", TLS),
    (socket.gaierror, "its name is not known here", "compare host with what they wrote"),
    (ConnectionRefusedError, "nothing listens at its port", "compare port (587), and ask whether it runs"),
    (TimeoutError, "no answer in time", OPEN),
    (OSError, "no connection", OPEN),
)
HOOK = {  # by how the reason begins
    "the setting": NO_TOKEN["no value here"],
    "answered 3": "write the address that it leads to: the hub follows no redirects",
    "answered 401": "compare the secret in the setting with theirs, and both clocks",
    "answered 403": "compare the secret in the setting with theirs, and both clocks",
    "answered 404": "compare url with what they wrote",
    "answered 405": "compare url with what they wrote",
    "": "ask them what they see",
}


def tell(tenant: Tenant, recipient: Recipient, env: Mapping[str, str], say: Callable[[Said], None]) -> bool:
    """Whether they took it. Raises BadSetting."""
    return asyncio.run(_tell(tenant, recipient, env, say))


async def _tell(tenant: Tenant, recipient: Recipient, env: Mapping[str, str], say: Callable[[Said], None]) -> bool:
    hub, right = opened(env), True
    who = f"the {'mail relay' if recipient.relay else 'webhook'} of {recipient.name}"
    async with hub.http:
        steps = [] if recipient.relay else arrival(hub, who, recipient.url, ssl.create_default_context())
        for step in steps:
            say(step)
            right = right and step.mark != WRONG
        if right:
            last = await _sent(hub, who, tenant, recipient)
            say(last)
            right = last.mark != WRONG
    return right


async def _sent(hub: Outside, who: str, tenant: Tenant, recipient: Recipient) -> Said:
    said = trial(tenant, recipient)
    try:
        await hand_over(hub, recipient, said, data(tenant, recipient, said, hub.clock()))
    except HubError as error:
        return Said(WRONG, f"{who}: {error.reason.replace('the journal', 'it')}", _mend(error.reason))
    except ValueError:
        return Said(WRONG, f"{who}: a secret begins with whsec_ and is no base64 behind it", "copy it anew, or leave whsec_ out")
    except OSError as error:  # as are SMTPException and TimeoutError
        return _failed(who, error)
    return Said(RIGHT, f'{who}: took the trial notice; ask whether they saw "{said.subject}"')


def _mend(reason: str) -> str:
    return next(words for beginning, words in HOOK.items() if reason.startswith(beginning))


def _failed(who: str, error: OSError) -> Said:
    """What a relay says in words may hold anything: its code is all of it that is shown."""
    words, remedy = next((words, remedy) for kind, words, remedy in FAILED if isinstance(error, kind))
    code = getattr(error, "smtp_code", None)
    return Said(WRONG, f"{who}: {words}{f' ({code})' if code else ''}", remedy)
