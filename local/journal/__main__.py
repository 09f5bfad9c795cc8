"""`python -m local.journal [--port P]`: runs until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import signal
import sys

from local.journal.server import SandboxJournal


async def serve(port: int) -> None:
    enough = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, enough.set)
    journal = SandboxJournal()
    await journal.start(port)
    print(f"Sandbox journal at {journal.url}/", flush=True)
    await enough.wait()
    await journal.stop()


def port_number(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 (any free one) to 65535")
    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.journal", description="A sandbox EPJ that can be told to fail, stall and lie.")
    parser.add_argument("--port", type=port_number, default=0, help="default: a free one, printed")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except OSError as error:
        print(f"The sandbox journal cannot listen on port {port}: {error.strerror}. Choose another with --port.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
