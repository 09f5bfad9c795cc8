"""Every trigger of the app, on one page. No decisions: each calls one verb of `shared.flow`."""

import asyncio
import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import azure.functions as func

from shared.domain.message import Lane
from shared.door import describe
from shared.door.answers import Reply
from shared.flow.follow import follow
from shared.flow.forward import forward
from shared.flow.health import alive, ready
from shared.flow.receive import Payload, receive
from shared.flow.status import status
from shared.flow.sweep import anchor, forget, purge, settle, sweep
from shared.flow.transform import transform
from shared.hub import Hub, open_hub
from shared.settings import Settings
from shared.storage.queues import read

if TYPE_CHECKING:
    from shared.admin.door import Asked as Admin
    from shared.shelf.fetch import Asked

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)  # senders prove themselves to us, not by a key in a URL
_settings = Settings.from_env(os.environ)  # a bad setting stops the start
_opening: "asyncio.Task[Hub] | None" = None


async def hub() -> Hub:
    """One hub per worker, opened at the first call on the worker's own loop; a failed opening is tried again at the next call."""
    global _opening
    if _opening is None or (_opening.done() and _opening.exception()):
        _opening = asyncio.create_task(open_hub(_settings))
    return await asyncio.shield(_opening)


@app.route("api/v1/{orgnr}/{adapter}", methods=["POST"])
async def on_payload(req: func.HttpRequest) -> func.HttpResponse:
    """A device cloud posts its own format."""
    payload = Payload(req.route_params["orgnr"], req.route_params["adapter"].lower(), _headers(req), req.get_body())
    return _response(await receive(await hub(), payload))


@app.route("epj/r4/{orgnr}/{resource}", methods=["POST"])
async def on_fhir(req: func.HttpRequest) -> func.HttpResponse:
    """A sender posts national FHIR (vkp.md 1.4). `vkp` is that contract's own format."""
    resource, path = req.route_params["resource"].lower(), urlsplit(req.url).path
    payload = Payload(req.route_params["orgnr"], "vkp", _headers(req), req.get_body(), resource, path)
    return _response(await receive(await hub(), payload))


@app.route("epj/r4/{orgnr}/{resource}/_search", methods=["POST"])
async def on_search(req: func.HttpRequest) -> func.HttpResponse:
    """A sender looks somebody up in the municipality's journal (vkp.md 1.5)."""
    from shared.lookup.look_up import Asked, look_up  # a worker that has just started takes its first alarm sooner without it

    called = urlsplit(req.url)
    asked = Asked(
        req.route_params["orgnr"], req.route_params["resource"].lower(), _headers(req), called.path, req.get_body(), bool(called.query)
    )
    return _response(await look_up(await hub(), asked))


@app.route("jft/{orgnr}/v1/{type}", methods=["GET"])
async def on_fetch(req: func.HttpRequest) -> func.HttpResponse:
    """A journal fetches its documents (vkp.md 1.12)."""
    from shared.shelf import fetch  # as above

    return _response(await fetch.fetch(await hub(), _asked(req)))


@app.route("jft/{orgnr}/v1/{type}/_search", methods=["POST"])
async def on_fetch_by_form(req: func.HttpRequest) -> func.HttpResponse:
    from shared.shelf import fetch  # as above

    return _response(await fetch.fetch(await hub(), _asked(req)))


@app.route("jft/{orgnr}/v1/{type}/{id}/$journaling-acknowledged", methods=["POST"])
async def on_acknowledged(req: func.HttpRequest) -> func.HttpResponse:
    """A journal has journaled a document that it fetched."""
    from shared.shelf import fetch  # as above

    return _response(await fetch.acknowledge(await hub(), _asked(req), req.route_params["id"]))


@app.route("jft/{orgnr}/v1/{type}/{id}/$status", methods=["GET"])
async def on_shelf_status(req: func.HttpRequest) -> func.HttpResponse:
    from shared.shelf import fetch  # as above

    return _response(await fetch.status_of(await hub(), _asked(req), req.route_params["id"]))


@app.route("epj/r4/{orgnr}/metadata", methods=["GET"])
async def on_metadata(req: func.HttpRequest) -> func.HttpResponse:
    """What a municipality's FHIR address can do."""
    return _response(await describe.metadata(await hub(), req.route_params["orgnr"], _headers(req), _origin(req)))


@app.route("api/openapi.json", methods=["GET"])
async def on_openapi(req: func.HttpRequest) -> func.HttpResponse:
    return _response(describe.openapi(_settings.public_url))


@app.route("api/docs", methods=["GET"])
async def on_docs(req: func.HttpRequest) -> func.HttpResponse:
    return _response(describe.docs(_settings.public_url))


@app.route("api/codes", methods=["GET"])
async def on_codes(req: func.HttpRequest) -> func.HttpResponse:
    return _response(describe.codes())


@app.route("api/codes/{table}", methods=["GET"])
async def on_code_table(req: func.HttpRequest) -> func.HttpResponse:
    return _response(describe.code_table(req.route_params["table"].lower()))


@app.route("api/v1/receipts/{receipt}", methods=["GET"])
async def on_receipt(req: func.HttpRequest) -> func.HttpResponse:
    """A sender asks what became of a payload."""
    receipt = req.route_params["receipt"]
    return _response(await status(await hub(), receipt, _headers(req), f"/api/v1/receipts/{receipt}"))


@app.route("api/admin/openapi.json", methods=["GET"])
async def on_admin_openapi(req: func.HttpRequest) -> func.HttpResponse:
    return _response(describe.admin(_settings.public_url))


@app.route("api/admin/v1/{orgnr}/messages", methods=["GET"])
async def on_admin_find(req: func.HttpRequest) -> func.HttpResponse:
    """An operator looks for messages."""
    from shared.admin import messages  # no alarm waits for those who administer

    return _response(await messages.find(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/messages/_search", methods=["POST"])
async def on_admin_search(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import messages

    return _response(await messages.by_own_id(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/messages/{message}", methods=["GET"])
async def on_admin_show(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import messages

    return _response(await messages.show(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/messages/{message}/{act}", methods=["POST"])
async def on_admin_act(req: func.HttpRequest) -> func.HttpResponse:
    """An operator resends, parks, deletes, restores or transforms one."""
    from shared.admin import messages

    return _response(await messages.act(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/jobs", methods=["GET"])
async def on_admin_jobs(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import jobs

    return _response(await jobs.listed(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/jobs", methods=["POST"])
async def on_admin_begin(req: func.HttpRequest) -> func.HttpResponse:
    """The same with many."""
    from shared.admin import jobs

    return _response(await jobs.begin(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/jobs/{job}", methods=["GET"])
async def on_admin_job(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import jobs

    return _response(await jobs.show(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/jobs/{job}/{act}", methods=["POST"])
async def on_admin_change(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import jobs

    return _response(await jobs.change(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/stops", methods=["GET"])
async def on_admin_stops(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import stops

    return _response(await stops.listed(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/stops/{act}", methods=["POST"])
async def on_admin_traffic(req: func.HttpRequest) -> func.HttpResponse:
    """An operator stops or starts traffic."""
    from shared.admin import stops

    return _response(await stops.change(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/days", methods=["GET"])
async def on_admin_days(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import days

    return _response(await days.listed(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/users", methods=["GET"])
async def on_admin_users(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import people

    return _response(await people.listed(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/users", methods=["PUT"])
async def on_admin_user(req: func.HttpRequest) -> func.HttpResponse:
    """Who may do what."""
    from shared.admin import people

    return _response(await people.put(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/users/me", methods=["GET"])
async def on_admin_me(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import people

    return _response(await people.me(await hub(), _admin(req)))


@app.route("api/admin/v1/{orgnr}/users/{user}", methods=["DELETE"])
async def on_admin_removed(req: func.HttpRequest) -> func.HttpResponse:
    from shared.admin import people

    return _response(await people.remove(await hub(), _admin(req)))


@app.route("api/health", methods=["GET"])
async def on_health(req: func.HttpRequest) -> func.HttpResponse:
    return _response(alive())


@app.route("api/health/ready", methods=["GET"])
async def on_ready(req: func.HttpRequest) -> func.HttpResponse:
    return _response(await ready(await hub()))


@app.queue_trigger(arg_name="msg", queue_name="receipts-alarm", connection="AzureWebJobsStorage")
async def on_receipts_alarm(msg: func.QueueMessage) -> None:
    await transform(await hub(), read(msg.get_body()))


@app.queue_trigger(arg_name="msg", queue_name="receipts-routine", connection="AzureWebJobsStorage")
async def on_receipts_routine(msg: func.QueueMessage) -> None:
    await transform(await hub(), read(msg.get_body()))


@app.queue_trigger(arg_name="msg", queue_name="parcels-alarm", connection="AzureWebJobsStorage")
async def on_parcels_alarm(msg: func.QueueMessage) -> None:
    await forward(await hub(), read(msg.get_body()))


@app.queue_trigger(arg_name="msg", queue_name="parcels-routine", connection="AzureWebJobsStorage")
async def on_parcels_routine(msg: func.QueueMessage) -> None:
    await forward(await hub(), read(msg.get_body()))


@app.timer_trigger(arg_name="timer", schedule="*/10 * * * * *")
async def on_sweep_alarm(timer: func.TimerRequest) -> None:
    from shared.flow.shelves import remind

    await sweep(await hub(), Lane.ALARM)
    await remind(await hub())


@app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *")
async def on_sweep_routine(timer: func.TimerRequest) -> None:
    await sweep(await hub(), Lane.ROUTINE)


@app.timer_trigger(arg_name="timer", schedule="20 * * * * *")
async def on_watch(timer: func.TimerRequest) -> None:
    from shared.notice.watch import watch  # as above: nor does it wait for those who send mail

    await watch(await hub())


@app.timer_trigger(arg_name="timer", schedule="5,20,35,50 * * * * *")
async def on_jobs(timer: func.TimerRequest) -> None:
    from shared.messages.job import work

    await work(await hub())


@app.timer_trigger(arg_name="timer", schedule="40 */10 * * * *")
async def on_listen(timer: func.TimerRequest) -> None:
    from shared.notice.listen import listen

    await listen(await hub())


@app.timer_trigger(arg_name="timer", schedule="0 53 3 * * *")
async def on_reconcile(timer: func.TimerRequest) -> None:
    from shared.notice.reconcile import reconcile

    await reconcile(await hub())


@app.timer_trigger(arg_name="timer", schedule="0 23 5 * * *")
async def on_expiring(timer: func.TimerRequest) -> None:
    from shared.notice.expiry import expiring

    await expiring(await hub())


@app.timer_trigger(arg_name="timer", schedule="*/20 * * * * *")
async def on_follow(timer: func.TimerRequest) -> None:
    from shared.flow.acknowledge import acknowledge  # as above

    await follow(await hub())
    await acknowledge(await hub())


@app.timer_trigger(arg_name="timer", schedule="0 17 * * * *")
async def on_purge(timer: func.TimerRequest) -> None:
    from shared.flow.shelves import clear

    for lane in Lane:
        await purge(await hub(), lane)
    await settle(await hub())
    await clear(await hub())


@app.timer_trigger(arg_name="timer", schedule="0 41 2 * * *")
async def on_forget(timer: func.TimerRequest) -> None:
    from shared.messages import job

    await forget(await hub())
    await job.forget(await hub())


@app.timer_trigger(arg_name="timer", schedule="0 11 3 * * *")
async def on_anchor(timer: func.TimerRequest) -> None:
    await anchor(await hub())


@app.queue_trigger(arg_name="msg", queue_name="receipts-alarm-poison", connection="AzureWebJobsStorage")
async def on_poison_receipts_alarm(msg: func.QueueMessage) -> None:
    await _poison("receipts-alarm", msg)


@app.queue_trigger(arg_name="msg", queue_name="receipts-routine-poison", connection="AzureWebJobsStorage")
async def on_poison_receipts_routine(msg: func.QueueMessage) -> None:
    await _poison("receipts-routine", msg)


@app.queue_trigger(arg_name="msg", queue_name="parcels-alarm-poison", connection="AzureWebJobsStorage")
async def on_poison_parcels_alarm(msg: func.QueueMessage) -> None:
    await _poison("parcels-alarm", msg)


@app.queue_trigger(arg_name="msg", queue_name="parcels-routine-poison", connection="AzureWebJobsStorage")
async def on_poison_parcels_routine(msg: func.QueueMessage) -> None:
    await _poison("parcels-routine", msg)


async def _poison(queue: str, msg: func.QueueMessage) -> None:
    from shared.notice.poison import poison  # as above

    await poison(await hub(), queue, msg.get_body())


def _origin(req: func.HttpRequest) -> str:
    called = urlsplit(req.url)
    return f"{called.scheme}://{called.netloc}"


def _asked(req: func.HttpRequest) -> "Asked":
    from shared.shelf.fetch import Asked

    called, body = urlsplit(req.url), req.get_body() if req.method == "POST" else b""
    route = req.route_params
    return Asked(route["orgnr"], route["type"], _headers(req), req.method, _origin(req), called.path, called.query, body)


def _admin(req: func.HttpRequest) -> "Admin":
    from shared.admin.door import Asked

    called, route = urlsplit(req.url), dict(req.route_params)
    return Asked(route.pop("orgnr"), _headers(req), req.method, called.path, called.query, req.get_body(), route)


def _headers(req: func.HttpRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in req.headers.items()}


def _response(reply: Reply) -> func.HttpResponse:
    return func.HttpResponse(reply.body, status_code=reply.status, headers=dict(reply.headers), mimetype=reply.media)
