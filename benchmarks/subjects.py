"""Those that are measured: the product in its functions host, started over HTTP, and copiers in a process of theirs."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from benchmarks.copier_job import Destination, Job, Result, Uploads
from benchmarks.errors import BenchmarkError
from benchmarks.load import LoadedTenant
from benchmarks.measured import Measured, resource_requests
from benchmarks.process_meter import ProcessMeter
from local.azurite import ACCOUNT_KEY, ACCOUNT_NAME
from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from local.services import ROOT, Stack
from local.tenant.control.client import TenantControl
from shared_code.graph.drives.changes import ITEM_SELECT as FILE_SELECT
from shared_code.graph.drives.feed import PAGE_SIZE as FILE_PAGE_SIZE
from shared_code.graph.drives.source import STREAM_FROM_BYTES
from shared_code.graph.mailboxes.changes import ITEM_SELECT as MAIL_SELECT
from shared_code.graph.mailboxes.source import PAGE_SIZE as MAIL_PAGE_SIZE
from shared_code.vault.pack_writer import UPLOADS_AT_ONCE

# What the product has under way for one drive and for one mailbox; a test keeps these in step with it.
FILES_AT_ONCE = 32
MESSAGES_AT_ONCE = 4
BLOCK_BYTES = 8 * 1024 * 1024

_POLL_SHARE = 0.1
_POLL_LEAST_S = 0.1
_POLL_MOST_S = 0.5
_RUN_DEADLINE_S = 1800


class Product:
    """The product on a running stack: one customer for each tenant."""

    def __init__(self, stack: Stack, control: TenantControl) -> None:
        self._stack = stack
        self._control = control
        self._started_second = 0
        address = urlsplit(stack.host_url)
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=60)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def onboard(self, tenant: LoadedTenant) -> str:
        """Make a customer of the tenant; returns its id."""
        customer = f"bench-{tenant.tenant_id}"
        body = {"display_name": "Benchmark", "tenant_id": tenant.tenant_id}
        self._call("PUT", f"/api/customers/{customer}", body)
        return customer

    def run(self, customer: str, expected_items: int, settings_items: int = 0) -> Measured:
        """Start a run by HTTP and wait for its end. Raises BenchmarkError when it is not complete, or stored another
        number of items than expected. ``settings_items``: how many mailboxes' settings are stored besides."""
        self._next_second()
        position = self._control.log_position()
        meter = ProcessMeter(self._stack.host_pid)
        meter.start()
        run_id = self._call("POST", f"/api/customers/{customer}/runs")["run_id"]
        overslept_s = self._wait(run_id)
        usage = meter.stop()
        run = self._call("GET", f"/api/customers/{customer}/runs/{run_id}")
        counts = run["counts"]
        stored = counts["stored"] - settings_items
        if run["state"] != "complete" or stored != expected_items:
            errors = {entry["error"] for entry in run["resources"] if entry["error"]} | {run["error"]} - {""}
            raise BenchmarkError(
                f"The product's run ended as {run['state']} with {stored} of {expected_items} items stored. "
                + " ".join(sorted(errors))
            )
        requests = resource_requests(self._control.log(position))
        wall_s = usage.wall_s - overslept_s
        return Measured(wall_s, usage.cpu_s, usage.peak_bytes, stored, counts["read_bytes"], requests)

    def resources(self, customer: str) -> list[dict[str, Any]]:
        """What is protected, as the product lists it."""
        return list(self._call("GET", f"/api/customers/{customer}/resources")["resources"])

    def _next_second(self) -> None:
        """A run's id tells the second of its start, and a customer's second run is to be another one."""
        while int(time.time()) == self._started_second:
            time.sleep(0.01)
        self._started_second = int(time.time())

    def _wait(self, run_id: str) -> float:
        """Wait for the end of the run; returns how many seconds ago that was. Every question costs the host a little,
        so they are few, and the time of the end comes from the engine itself, whose clock is this machine's."""
        began = time.monotonic()
        while True:
            status = self._call("GET", f"/runtime/webhooks/durabletask/instances/{run_id}")
            if status["runtimeStatus"] not in ("Running", "Pending", "ContinuedAsNew"):
                ended_at = datetime.fromisoformat(status["lastUpdatedTime"])
                return max(0.0, (datetime.now(UTC) - ended_at).total_seconds())
            self._stack.raise_if_dead()
            elapsed_s = time.monotonic() - began
            if elapsed_s > _RUN_DEADLINE_S:
                raise BenchmarkError(f"The product's run did not end within {_RUN_DEADLINE_S // 60} minutes.")
            time.sleep(min(_POLL_MOST_S, max(_POLL_LEAST_S, elapsed_s * _POLL_SHARE)))

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        answer = json.loads(response.read() or b"{}")
        if response.status >= 400:
            raise BenchmarkError(f"{method} {path} answered {response.status}: {answer.get('detail', answer)}")
        return dict(answer)


class CopierProcess:
    """A copier on a running stack: one container for each tenant."""

    def __init__(self, stack: Stack, control: TenantControl, uploads: Uploads) -> None:
        self._stack = stack
        self._control = control
        self._uploads = uploads
        self._cursors: dict[str, dict[str, str]] = {}

    def run(self, tenant: LoadedTenant, expected_items: int) -> Measured:
        """Copy the tenant: everything the first time, what has changed since from then on. Raises BenchmarkError."""
        position = self._control.log_position()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.copier"],
            input=json.dumps(asdict(self._job(tenant))),
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"The copier ({self._uploads}) failed.")
        result = Result(**json.loads(done.stdout))
        if result.items != expected_items:
            raise BenchmarkError(f"The copier ({self._uploads}) copied {result.items} of {expected_items} items.")
        self._cursors[tenant.tenant_id] = result.cursors
        requests = resource_requests(self._control.log(position))
        return Measured(result.wall_s, result.cpu_s, result.peak_bytes, result.items, result.size_bytes, requests)

    def _job(self, tenant: LoadedTenant) -> Job:
        return Job(
            graph_url=self._stack.tenant_url,
            tenant_id=tenant.tenant_id,
            client_id=APP_CLIENT_ID,
            client_secret=APP_CLIENT_SECRET,
            destination=self._destination(f"copies-{self._uploads}-{tenant.tenant_id}"),
            drive_ids=list(tenant.drive_ids),
            mailboxes=[list(pair) for pair in tenant.mailboxes],
            file_select=list(FILE_SELECT),
            file_page_size=FILE_PAGE_SIZE,
            mail_select=list(MAIL_SELECT),
            mail_page_size=MAIL_PAGE_SIZE,
            files_at_once=FILES_AT_ONCE,
            messages_at_once=MESSAGES_AT_ONCE,
            stream_from_bytes=STREAM_FROM_BYTES,
            cursors=self._cursors.get(tenant.tenant_id, {}),
        )

    def _destination(self, name: str) -> Destination:
        with BlobServiceClient.from_connection_string(self._stack.blob_connection_string) as service:
            container = service.get_container_client(name)
            if not container.exists():
                container.create_container()
            url = container.url
        sas = generate_container_sas(
            ACCOUNT_NAME,
            name,
            account_key=ACCOUNT_KEY,
            permission=ContainerSasPermissions(read=True, write=True, create=True),
            expiry=datetime.now(UTC) + timedelta(days=1),
        )
        return Destination(
            uploads=self._uploads,
            connection_string=self._stack.blob_connection_string,
            container_name=name,
            container_url=url,
            container_sas=sas,
            bare_block_bytes=BLOCK_BYTES,
            blocks_at_once=UPLOADS_AT_ONCE,
        )
