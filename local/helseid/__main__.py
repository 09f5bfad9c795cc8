"""`python -m local.helseid --clients FILE [--port P]`: runs until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from local.helseid.clients import BadClient
from local.helseid.server import LIFETIME, SandboxIssuer


async def serve(rows: Any, options: argparse.Namespace) -> None:
    enough = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, enough.set)
    issuer = SandboxIssuer(rows, lifetime=options.lifetime, scope_as_text=options.scope_as_text)
    await issuer.start(options.port)
    print(f"Sandbox token issuer at {issuer.url}", flush=True)
    await enough.wait()
    await issuer.stop()


def number(most: int, text: str) -> int:
    if not text.isdecimal() or int(text) > most:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to {most}")
    return int(text)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.helseid", description="A sandbox token issuer with HelseID's ways.")
    parser.add_argument("--clients", type=Path, required=True, help="JSON list of clients; local/helseid/clients.py says what a row holds")
    parser.add_argument("--port", type=lambda text: number(65535, text), default=0, help="default: a free one, printed")
    parser.add_argument(
        "--lifetime", type=lambda text: number(86_400, text), default=LIFETIME, help=f"of a token, seconds; default {LIFETIME}"
    )
    parser.add_argument("--scope-as-text", action="store_true", help="scope with spaces (RFC 9068); default: a list, as HelseID has it")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    try:
        asyncio.run(serve(json.loads(chosen.clients.read_bytes()), chosen))
    except (BadClient, json.JSONDecodeError) as error:
        words = str(error) if isinstance(error, BadClient) else "is not JSON"
        print(f"{chosen.clients}: {words}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The sandbox token issuer: {error.strerror}: {error.filename or f'port {chosen.port}'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
