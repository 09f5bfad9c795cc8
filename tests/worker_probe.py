"""Indexes and invokes a function app through Microsoft's own worker library, in a process of its own.

    python worker_probe.py WORKER APP < calls.json

The library never imports protobuf: the host hands it a `protos` object, for which plain classes do. Reads a list of HTTP calls
{function, method, url, body, params} on stdin and prints {functions: {name: route or null}, failure: text or null, answers:
[{status, headers, body} or {failure: text}]}.
"""

import asyncio
import functools
import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any


class Message:
    """Any protobuf message: a bag of fields, of which `WhichOneof` finds the one that was given."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802 -- protobuf's name
        return next(iter(vars(self)), None)


class Protos:
    """The module of generated classes, as far as the worker asks for it."""

    def __init__(self) -> None:
        self.StatusResult: Any = type("StatusResult", (Message,), {"Failure": 0, "Success": 1})
        # "enum Direction { in = 0; out = 1; inout = 2; }", "enum DataType { undefined = 0; ... }" -- FunctionRpc.proto
        self.BindingInfo = type("BindingInfo", (Message,), {"in": 0, "out": 1, "inout": 2, "undefined": 0})

    @functools.cached_property
    def TypedData(self) -> type[Message]:  # noqa: N802 -- protobuf's name
        return type("TypedData", (Message,), {})

    def __getattr__(self, name: str) -> type[Message]:
        made = type(name, (Message,), {})
        setattr(self, name, made)
        return made


PROTOS = Protos()


def request(**fields: Any) -> Any:
    return SimpleNamespace(request=SimpleNamespace(**fields), properties={"protos": PROTOS, "host": "127.0.0.1"})


def http_call(call: dict[str, Any], function_id: str, parameter: str) -> Any:
    body = Message(bytes=call.get("body", "").encode())
    http = SimpleNamespace(method=call["method"], url=call["url"], headers={}, params=call.get("params", {}), query={}, body=body)
    return request(
        invocation_request=SimpleNamespace(
            invocation_id="probe",
            function_id=function_id,
            input_data=[SimpleNamespace(name=parameter, data=Message(http=http), WhichOneof=lambda _: "data")],
            trigger_metadata={},
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
    )


def answer(response: Any) -> dict[str, Any]:
    if response.result.status != PROTOS.StatusResult.Success:
        return {"failure": response.result.exception.message}
    value = response.return_value
    if value.WhichOneof("data") == "string":
        return {"status": 200, "headers": {}, "body": value.string}
    http = value.http
    return {"status": int(http.status_code), "headers": http.headers, "body": http.body.bytes.decode()}


def trigger(listed: Any) -> dict[str, Any]:
    bindings = [json.loads(each) for each in listed.raw_bindings]
    return next(each for each in bindings if each["type"].endswith("Trigger"))


async def probe(app: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    worker = importlib.import_module("azure_functions_runtime")

    worker.start_threadpool_executor()
    begun = await worker.worker_init_request(request(worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=app)))
    if begun.result.status != PROTOS.StatusResult.Success:
        return {"functions": {}, "failure": begun.result.exception.message, "answers": []}
    found = {each.name: each for each in (await worker.functions_metadata_request(request())).function_metadata_results or []}
    answers = []
    for call in calls:
        called = found[call["function"]]
        response = await worker.invocation_request(http_call(call, called.function_id, trigger(called)["name"]))
        answers.append(answer(response))
    worker.stop_threadpool_executor()
    return {"functions": {name: trigger(each).get("route") for name, each in found.items()}, "failure": None, "answers": answers}


if __name__ == "__main__":
    sys.path[:0] = [sys.argv[2]]
    sys.path.append(sys.argv[1])
    print(json.dumps(asyncio.run(probe(sys.argv[2], json.load(sys.stdin)))))
