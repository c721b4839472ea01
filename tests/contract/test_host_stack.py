"""The supervisor of the local stack: it starts, watches, restarts and never leaves a process behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
import uuid
from pathlib import Path

import psutil
import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.child_process import ServiceError
from local.services import Stack

PROJECT = Path(__file__).resolve().parents[2]
TOY = ("--app", "tests.fakes.toy_function_app:app", "--no-timers")


@pytest.fixture(autouse=True)
def _logs_of_failures_in_the_test_s_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def state(url: str) -> str:
    with urllib.request.urlopen(f"{url}/admin/host/status", timeout=10) as answer:
        return str(json.load(answer)["state"])


def until_gone(pids: list[int], deadline_s: float = 10) -> None:
    until = time.monotonic() + deadline_s
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_emulator_serves_blobs_and_tables(azurite: str) -> None:
    name = f"t{uuid.uuid4().hex}"
    with BlobServiceClient.from_connection_string(azurite) as blobs:
        container = blobs.create_container(name)
        container.upload_blob("one", b"bytes")
        assert container.download_blob("one").readall() == b"bytes"
    with TableServiceClient.from_connection_string(azurite) as tables:
        table = tables.create_table(name)
        table.create_entity({"PartitionKey": "p", "RowKey": "r", "Number": 7})
        assert table.get_entity("p", "r")["Number"] == 7


def test_the_host_is_killed_and_started_again() -> None:
    with Stack(azurite=False, simulator=False, host_arguments=TOY) as stack:
        first, pid = stack.host_url, stack.host_pid
        assert state(first) == "Running"
        stack.kill_host()
        assert not psutil.pid_exists(pid)
        stack.start_host({"TOY_SCHEDULE": "0 0 1 * * *"})
        assert state(stack.host_url) == "Running"
        logs = stack.logs
        assert (logs / "host-2.log").exists()
    assert not logs.exists()
    until_gone([pid])


def test_a_service_that_does_not_start_tells_the_end_of_its_log() -> None:
    with pytest.raises(ServiceError, match=r"(?s)functions host ended with code 3.*timer 'never'") as failed:
        Stack(azurite=False, simulator=False, host_arguments=TOY, host_env={"TOY_SCHEDULE": "wrong"}).start()
    assert "Traceback" not in str(failed.value)


def test_a_service_that_dies_is_noticed() -> None:
    with Stack(azurite=False, simulator=False, host_arguments=TOY) as stack:
        stack.raise_if_dead()
        os.kill(stack.host_pid, signal.SIGKILL)
        with pytest.raises(ServiceError, match="functions host has ended with code -9"):
            stack.watch()


def test_what_a_stack_does_not_have_is_said() -> None:
    with Stack(azurite=False, simulator=False, host=False) as stack:
        for missing in ("blob_connection_string", "tenant_url", "host_url", "host_pid"):
            with pytest.raises(ServiceError):
                getattr(stack, missing)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_when_the_supervisor_ends_its_services_end(number: signal.Signals, tmp_path: Path) -> None:
    script = f"""
        from local.services import Stack
        with Stack(simulator=False, host_arguments={TOY!r}) as stack:
            print(stack.host_pid, stack.logs, flush=True)
            stack.watch()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        _, logs = supervisor.stdout.readline().split()
        children = [child.pid for child in psutil.Process(supervisor.pid).children(recursive=True)]
        assert len(children) == 2
        began = time.monotonic()
        supervisor.send_signal(number)
        supervisor.wait(timeout=15)
        until_gone(children)
        assert time.monotonic() - began < 10
    if number is not signal.SIGKILL:
        assert not Path(logs).exists()
