"""The municipality of a scenario: one row of the register, made here as its file would say it."""

from collections.abc import Mapping, Sequence

from local.faults.messages import PATIENTS, bindings
from shared.access.rows import Auth, Binding, Endpoint, Route, Sender, Tenant
from shared.settings import Settings
from shared.storage.account import Account
from shared.storage.register_rows import write_tenant

ORGNR = "310123455"
SECRET = {"FAULTS_SECRET": "a-secret-of-the-faults-0123456789"}
HEADERS = {"x-secret": SECRET["FAULTS_SECRET"]}
AUTH = Auth("header", "x-secret", "", tuple(SECRET))
FORMATS = ("vkp", "tenovi", "ttn", "scaip")
QUICK = {"HUB_RETRY_SCALE": "0.02", "HUB_CALL_TIMEOUT_SECONDS": "2", "HUB_HOLD_SECONDS": "20"}


def town(
    urls: Mapping[str, str],
    *,
    orgnr: str = ORGNR,
    adapter: str = "bundle",
    lines: int = 2,
    patients: Sequence[str] = PATIENTS[:4],
    devices: Sequence[Binding] = (),
) -> Tenant:
    """`urls`: the address of each of its journals, by name. Every journal gets everything. `devices`: beside the patients' own."""
    sender = Sender("cloud", orgnr, "Prøvesky", FORMATS, AUTH, True)
    endpoints = tuple(Endpoint(name, orgnr, "Journal", adapter, url, lines, True, None) for name, url in urls.items())
    routes = tuple(Route(name, (), (), ()) for name in urls)
    return Tenant(orgnr, "Eksempel kommune", True, 72, (sender,), endpoints, routes, (*bindings(tuple(patients)), *devices))


def settings(storage: str, changes: Mapping[str, str] | None = None) -> Settings:
    """`changes`: settings other than those that make a run short."""
    env = {"AzureWebJobsStorage": storage, "HUB_PATIENT_KEY": "k" * 40, "HUB_ENVIRONMENT": "test", **SECRET, **QUICK, **(changes or {})}
    return Settings.from_env(env)


async def register(storage: str, *tenants: Tenant) -> None:
    """Writes them as `./hub register apply` does."""
    account = Account(settings(storage))
    await account.prepare(["register"], [])
    for tenant in tenants:
        await write_tenant(account.table("register"), tenant)
    await account.close()
