"""A function app that has nothing to do with the hub: what the development host and the genuine worker are tried on."""

import asyncio
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
begun = threading.Event()


@app.route(route="api/health", methods=["GET"])
async def health(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse('{"status": "ok"}', mimetype="application/json")


@app.route(route="api/echo/{name}", methods=["POST"])
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return func.HttpResponse(req.get_body(), headers={"X-Name": req.route_params["name"], "X-Function": context.function_name})


@app.route(route="api/begun", methods=["GET"])
async def has_begun(req: func.HttpRequest) -> str:
    return "yes" if begun.is_set() else "no"


@app.queue_trigger(arg_name="message", queue_name="%SAMPLE_QUEUE%", connection="AzureWebJobsStorage")
async def slow(message: func.QueueMessage) -> None:
    begun.set()
    await asyncio.sleep(float(message.get_body()))


@app.timer_trigger(arg_name="timer", schedule="0 0 4 * * *")
async def nightly(timer: func.TimerRequest) -> None:
    """Does nothing."""
