"""A sandbox's door: an aiohttp application on a port of this machine."""

from aiohttp import web


async def listen(app: web.Application, port: int) -> tuple[web.AppRunner, str]:
    """The runner, to be cleaned up, and the URL. `port` 0: any that is free. OSError if the port is taken.

    Whoever stalls is not waited for; no access log: what is sent is nobody's business.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"
