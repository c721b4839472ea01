"""Thousands of resources through the real orchestrators on the local host, with nothing to copy: what the orchestration
itself costs, in a process of its own.

    python -m benchmarks.orchestration RESOURCES      prints {"wall_s": ..., "peak_bytes": ..., "before_bytes": ...}
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import azure.durable_functions as df

from benchmarks.errors import BenchmarkError
from benchmarks.process_meter import ProcessMeter
from functions import backup
from local.host import FunctionsHost
from local.services import ROOT
from shared_code.backup.copier import SliceResult
from shared_code.backup.runs import CustomerRuns
from shared_code.model.agreement import Agreement
from shared_code.model.census import Census, Known
from shared_code.model.lease import LeaseTerms
from shared_code.model.outcome import Counts
from shared_code.model.protection import ProtectionSettings
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.run import ResourceOutcome, Run, RunState, RunTask

_TERMS = LeaseTerms(90, 30, 7)
_CUSTOMER = Customer("bench", "Benchmark", "11111111-1111-1111-1111-111111111111")
_DEADLINE_S = 1_800


@dataclass(frozen=True, slots=True)
class Orchestrated:
    """A run over ``resources``; ``before_bytes`` was the memory of the process when it began."""

    resources: int
    wall_s: float
    peak_bytes: int
    before_bytes: int

    @property
    def ms_per_resource(self) -> float:
        """Milliseconds for each resource."""
        return self.wall_s / self.resources * 1000

    @property
    def peak_mb(self) -> float:
        """Peak of the resident memory in 10^6 bytes."""
        return self.peak_bytes / 1e6


def measure(resources: int) -> Orchestrated:
    """Run them in a new process. Raises BenchmarkError."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.orchestration", str(resources)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if done.returncode != 0:
        raise BenchmarkError(f"A run over {resources} resources with nothing to copy failed.")
    return Orchestrated(resources, **json.loads(done.stdout.splitlines()[-1]))


@dataclass
class _Ledger:
    """Runs and tasks in memory; what is done takes as little room as it can."""

    runs: dict[str, Run] = field(default_factory=dict)
    rows: dict[int, RunTask] = field(default_factory=dict)

    async def save(self, run: Run) -> None:
        self.runs[run.id] = run

    async def get(self, customer_id: str, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    async def since(self, customer_id: str, run_id: str) -> list[Run]:
        return list(self.runs.values())

    async def add_tasks(self, run_id: str, tasks: Sequence[RunTask]) -> None:
        self.rows.update({task.number: task for task in tasks})

    async def save_task(self, customer_id: str, run_id: str, task: RunTask) -> None:
        self.rows[task.number] = task

    async def task(self, run_id: str, number: int) -> RunTask | None:
        return self.rows.get(number)

    async def tasks(self, run_id: str) -> list[RunTask]:
        return list(self.rows.values())

    async def known(self, customer_id: str) -> list[Known]:
        return []

    async def mark_departed(self, customer_id: str, resource_id: str, since: datetime) -> None:
        raise AssertionError("nobody leaves")


class _Tenant:
    """Directory, container and copier of resources that have not changed."""

    def __init__(self, resources: int) -> None:
        self._count = resources

    async def list_resources(self) -> Census:
        return Census(tuple(Resource(ResourceKind.DRIVE, f"d{number:06d}", "Drive") for number in range(self._count)))

    async def prepare(self) -> bool:
        return True

    async def keep_record(self) -> None:
        """It needs none."""

    async def run_slice(self, resource: Resource, run_id: str) -> SliceResult:
        return SliceResult(ResourceOutcome(resource.id, "drive", "Drive", RunState.COMPLETE, 1, Counts(reused=1)))


async def _run(resources: int) -> dict[str, float]:
    tenant, ledger = _Tenant(resources), _Ledger()

    def now() -> datetime:
        return datetime.now(UTC)

    async def known(customer_id: str) -> Customer:
        return _CUSTOMER

    async def has_left(customer_id: str) -> bool:
        return False

    async def agreement() -> Agreement:
        return Agreement(_TERMS, ProtectionSettings())

    def runs(customer: Customer) -> CustomerRuns:
        copiers: Any = lambda kind, agreed: tenant  # noqa: E731 - a port of one call
        return CustomerRuns(
            _CUSTOMER,
            runs=ledger,
            directory=tenant,
            container=tenant,
            agreement=agreement,
            copiers=copiers,
            now=now,
        )

    app = SimpleNamespace(
        customers=SimpleNamespace(known=known, get=known),
        run_ledger=ledger,
        settings=SimpleNamespace(resources_in_flight=8),
        now=now,
        has_left=has_left,
        runs=runs,
    )
    backup.application = lambda: app  # type: ignore[assignment,return-value]
    functions = df.DFApp()
    functions.register_functions(backup.bp)
    async with FunctionsHost(functions, timers=False) as host, aiohttp.ClientSession(host.url) as session:
        meter = ProcessMeter(os.getpid())
        meter.start()
        before_bytes = meter.resident_bytes()
        async with session.post(f"/api/customers/{_CUSTOMER.id}/runs") as answer:
            run_id = (await answer.json())["run_id"]
        deadline = time.monotonic() + _DEADLINE_S
        while ledger.runs[run_id].state is RunState.RUNNING and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        usage = meter.stop()
    done = ledger.runs[run_id]
    if (done.state, done.resources_done) != (RunState.COMPLETE, resources):
        raise BenchmarkError(f"The run ended as {done.state} with {done.resources_done} of {resources} done.")
    return {"wall_s": usage.wall_s, "peak_bytes": usage.peak_bytes, "before_bytes": before_bytes}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(int(sys.argv[1])))))
