"""The host as a process of its own: its first line, its timers, its end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.host import FunctionsHost
from tests.fakes import toy_function_app as toy

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "local.host", "--app", "tests.fakes.toy_function_app:app"]


@contextmanager
def host(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            assert first["service"] == "functions-host"
            yield process, first["url"]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_stops_cleanly(number: signal.Signals) -> None:
    with host("--no-timers") as (process, url):
        with urllib.request.urlopen(f"{url}/admin/host/status", timeout=10) as answer:
            assert json.load(answer)["state"] == "Running"
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 5


def test_its_timers_fire_by_themselves() -> None:
    with host() as (_, url):
        deadline = time.monotonic() + 20
        instance = f"{url}/runtime/webhooks/durabletask/instances?instanceIdPrefix=from-the-timer"
        while True:
            with urllib.request.urlopen(instance, timeout=10) as answer:
                if json.load(answer):
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_busy_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout == ""
    assert f"Port {port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_app_is_one_clear_sentence() -> None:
    command = [sys.executable, "-m", "local.host", "--app", "tests.fakes.toy_function_app:blueprint"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "is no function app" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_a_schedule_needs_is_asked_for() -> None:
    environment = os.environ | {"TOY_SCHEDULE": "every now and then"}
    done = subprocess.run(COMMAND, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "timer 'never'" in done.stderr
    assert "Traceback" not in done.stderr


async def test_timers_follow_the_handed_clock() -> None:
    toy.reset()
    began = datetime(2026, 11, 24, 12, tzinfo=UTC)
    readings = iter(range(1000))

    def clock() -> datetime:
        return began + timedelta(seconds=next(readings) * 0.5)  # half a second passes between two looks

    async with FunctionsHost(toy.app, clock=clock):
        deadline = time.monotonic() + 10
        while toy.calls["tick"] < 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    assert toy.calls["tick past due"] == 0
