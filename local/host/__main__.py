"""`python -m local.host`: the command line of the development host."""

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from local.host import Host, StartError
from local.host.functions import log, outline
from local.host.settings import apply, host_json, local_settings


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.host", description="Serves a function_app.py without Azure Functions Core Tools."
    )
    parser.add_argument("--app", type=Path, default=Path(), metavar="DIR", help="where function_app.py and host.json are (here)")
    parser.add_argument("--port", type=int, help="0: any free one (Host.LocalHttpPort of local.settings.json, else 7071)")
    parser.add_argument("--lease", type=float, default=600, metavar="SECONDS", help="development only: how long a message is hidden (600)")
    parser.add_argument("--drain", type=float, default=30, metavar="SECONDS", help="how long running functions may take to end (30)")
    given = parser.parse_args()
    if given.lease < 1:
        parser.error("--lease must be at least 1 second")
    return given


def load(directory: Path) -> ModuleType:
    """function_app.py as the worker imports it: its folder first on the path."""
    if not (directory / "function_app.py").is_file():
        raise StartError(f"there is no function_app.py in {directory}")
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module("function_app")
    except Exception as error:  # whatever the app's own start raises is one sentence to the person who started it
        raise StartError(f"function_app.py cannot be imported: {type(error).__name__}: {error}") from None


def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody caught, such as a task that the app forgot: its type, never its text."""
    error = context.get("exception")
    log.error("%s%s", context["message"], f": {outline(error)}" if error else "")


async def serve(given: argparse.Namespace) -> int:
    directory = given.app.resolve()
    rules = host_json(directory)
    values, port = local_settings(directory)
    apply(values, os.environ)
    port = given.port if given.port is not None else port if port is not None else 7071
    host = Host(load(directory), rules, os.environ, port, given.lease, given.drain)
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.set_exception_handler(tell)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await host.start()
    print(*host.lines, f"listening on http://127.0.0.1:{host.port}", sep="\n", flush=True)
    await stopping.wait()
    late = await host.stop()
    loop.set_exception_handler(lambda *_: None)  # the app's own clients are never told to close, in Azure neither
    return late


def main() -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)  # the SDKs tell of every request, with its URL
    given = arguments()
    try:
        late = asyncio.run(serve(given))
    except StartError as error:
        print(f"local.host: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    if late:
        print(f"local.host: {late} triggers still ran after {given.drain:g} s and were given up", file=sys.stderr)
        sys.stdout.flush()
        os._exit(1)  # a thread that never ends would keep the interpreter
    return 0


if __name__ == "__main__":
    sys.exit(main())
