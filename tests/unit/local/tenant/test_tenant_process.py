"""`python -m local.tenant`: says where it is, answers, and stops when told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.tenant.control.client import ControlError, TenantControl
from local.tenant.server import start

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_starts_answers_and_stops(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "local.tenant", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["service"] == "tenant-simulator"
        with TenantControl(ready["url"]) as control:
            assert control.health()["status"] == "ok"
            with pytest.raises(ControlError, match="no tenant"):
                control.tenant("none")
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_busy_port_gives_one_sentence() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "local.tenant", "--port", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(port) in done.stderr


async def test_serves_inside_a_running_loop() -> None:
    import aiohttp

    async with await start() as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/_control/health") as reply:
            assert (await reply.json())["status"] == "ok"
        assert server.state.tenants == {}
