"""`python -m local.tenant --port 0`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from local.port_number import port_number
from local.tenant.server import start


async def _serve(port: int) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with await start(port) as server:
        print(json.dumps({"service": "tenant-simulator", "url": server.url}), flush=True)
        await stopping.wait()


def main() -> int:
    """Parse the arguments, serve, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.tenant", description="Microsoft Graph look-alike for tests.")
    parser.add_argument("--port", type=port_number, default=0, help="port on 127.0.0.1; 0 takes a free one (default)")
    arguments = parser.parse_args()
    try:
        asyncio.run(_serve(arguments.port))
    except OSError as error:
        print(f"tenant simulator: port {arguments.port} cannot be used: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
