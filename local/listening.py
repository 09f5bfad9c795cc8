"""A sandbox's door: an aiohttp application on a port of this machine."""

import ssl

from aiohttp import web


async def listen(app: web.Application, port: int, tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, str]:
    """The runner, to be cleaned up, and the URL. `port` 0: any that is free; `tls`: https. OSError if the port is taken.

    Whoever stalls is not waited for; no access log: what is sent is nobody's business.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
