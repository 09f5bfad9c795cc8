"""The functions that an app registers, and how one is run."""

import asyncio
import functools
import inspect
import logging
import threading
import traceback
import typing
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from uuid import uuid4

import azure.functions as azf

from local.host.settings import StartError, expand

log = logging.getLogger("local.host")

TRIGGERS: dict[str, type] = {"httpTrigger": azf.HttpRequest, "queueTrigger": azf.QueueMessage, "timerTrigger": azf.TimerRequest}


class Failed(Exception):
    """The function raised, or returned what it may not."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a function's `context` parameter gets. The real one derives from no public class either."""

    invocation_id: str
    function_name: str
    function_directory: str
    thread_local_storage: Any
    trace_context: None = None
    retry_context: None = None


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    type: str
    trigger: Mapping[str, Any]  # the binding as in function.json, %NAME% resolved
    code: Callable[..., Any]
    directory: str
    pool: Executor
    is_async: bool
    wants_context: bool
    has_return: bool

    async def invoke(self, argument: object, finish: Callable[[Any], Any] = lambda value: value) -> Any:
        """Runs it and lets `finish` make of its value what the trigger wants; Failed if either raises."""
        invocation = str(uuid4())
        try:
            value = await self._call(argument, invocation)
            if value is not None and not self.has_return:
                raise TypeError("a value without a $return binding")
            return finish(value)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _being_cancelled():
                raise
            log.error("%s failed, invocation %s: %s", self.name, invocation, outline(error))
            raise Failed from None

    async def _call(self, argument: object, invocation: str) -> Any:
        arguments = {self.trigger["name"]: argument}
        if self.wants_context:
            arguments["context"] = Context(invocation, self.name, self.directory, threading.local())
        if self.is_async:
            return await self.code(**arguments)
        return await asyncio.get_running_loop().run_in_executor(self.pool, functools.partial(self.code, **arguments))


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def outline(error: BaseException) -> str:
    """Type and frames, innermost last. Never the text: it may quote what a person sent."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    return f"{type(error).__name__} at " + " > ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)


def find(module: ModuleType, settings: Mapping[str, str], pool: Executor) -> list[Function]:
    apps = [value for value in vars(module).values() if isinstance(value, azf.FunctionRegister)]
    if len(apps) != 1:
        raise StartError(f"{module.__name__}.py must define exactly one FunctionApp at its top level; it defines {len(apps)}")
    try:
        registered = apps[0].get_functions()
    except ValueError as error:
        raise StartError(f"{module.__name__}.py: {error}") from None
    directory = str(getattr(module, "__file__", None) or ".").rpartition("/")[0]
    made = [_function(each, directory, settings, pool) for each in registered]
    return [each for each in made if settings.get(f"AzureWebJobs.{each.name}.Disabled", "").lower() not in ("1", "true")]


def _function(registered: Any, directory: str, settings: Mapping[str, str], pool: Executor) -> Function:
    name = registered.get_function_name()
    bindings = registered.get_dict_repr()["bindings"]
    triggers = [each for each in bindings if each["type"] in TRIGGERS]
    others = [each["type"] for each in bindings if each["type"] not in TRIGGERS and (each["type"], each["name"]) != ("http", "$return")]
    if others:
        raise StartError(f"{name} has a binding of type {others[0]}, which local.host does not serve (its docstring lists what it does)")
    if registered.get_setting("retry_policy"):
        raise StartError(f"{name} has a retry policy, which local.host does not serve")
    trigger = {key: expand(value, settings, f"{name}: {key}") if isinstance(value, str) else value for key, value in triggers[0].items()}
    code = registered.get_user_function()
    wants_context = _check_parameters(name, code, trigger)
    return Function(
        name=name,
        type=trigger["type"],
        trigger=trigger,
        code=code,
        directory=directory,
        pool=pool,
        is_async=inspect.iscoroutinefunction(code),
        wants_context=wants_context,
        has_return=any(each["name"] == "$return" for each in bindings),
    )


def _check_parameters(name: str, code: Callable[..., Any], trigger: Mapping[str, Any]) -> bool:
    """The worker refuses at indexing what does not fit, so must we. True if there is a `context` to fill."""
    found = set(inspect.signature(code).parameters)
    if found - {"context"} != {trigger["name"]}:
        raise StartError(
            f"{name} must have the parameter {trigger['name']} (and may have context); it has {', '.join(sorted(found)) or 'none'}"
        )
    wanted = TRIGGERS[trigger["type"]]
    try:
        hint = typing.get_type_hints(code).get(trigger["name"])
    except NameError as error:
        raise StartError(f"{name}: an annotation cannot be read: {error}") from None
    if hint is not None and not (isinstance(hint, type) and issubclass(wanted, hint)):
        raise StartError(f"{name}: local.host can only give {trigger['name']} an azure.functions.{wanted.__name__}; annotate it so")
    return "context" in found
