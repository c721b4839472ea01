"""The run ledger in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared_code.model.census import Known
from shared_code.model.run import Run, RunTask


@dataclass
class MemoryRuns:
    saved: dict[tuple[str, str], Run] = field(default_factory=dict)
    tasks_by_run: dict[str, dict[int, RunTask]] = field(default_factory=dict)
    index: dict[tuple[str, str], Known] = field(default_factory=dict)

    async def save(self, run: Run) -> None:
        self.saved[(run.customer_id, run.id)] = run

    async def get(self, customer_id: str, run_id: str) -> Run | None:
        return self.saved.get((customer_id, run_id))

    async def newest(self, customer_id: str, limit: int) -> list[Run]:
        return (await self.since(customer_id, ""))[:limit]

    async def since(self, customer_id: str, run_id: str) -> list[Run]:
        found = [run for run in self.saved.values() if run.customer_id == customer_id and run.id >= run_id]
        return sorted(found, key=lambda run: (run.started_at, run.id), reverse=True)

    async def add_tasks(self, run_id: str, tasks: Sequence[RunTask]) -> None:
        self.tasks_by_run.setdefault(run_id, {}).update({task.number: task for task in tasks})

    async def save_task(self, customer_id: str, run_id: str, task: RunTask) -> None:
        self.tasks_by_run[run_id][task.number] = task
        if task.outcome:
            newest = Known(task.resource, task.outcome.seq, task.outcome.committed_at)
            before = self.index.get((customer_id, task.resource.id))
            if before and not newest.seq:
                newest = replace(newest, seq=before.seq, snapshot_at=before.snapshot_at)
            self.index[(customer_id, task.resource.id)] = newest

    async def known(self, customer_id: str) -> list[Known]:
        return [entry for (customer, _), entry in sorted(self.index.items()) if customer == customer_id]

    async def mark_departed(self, customer_id: str, resource_id: str, since: datetime) -> None:
        key = (customer_id, resource_id)
        self.index[key] = replace(self.index[key], departed_since=since)

    async def task(self, run_id: str, number: int) -> RunTask | None:
        return self.tasks_by_run.get(run_id, {}).get(number)

    async def tasks(self, run_id: str) -> list[RunTask]:
        return [task for _, task in sorted(self.tasks_by_run.get(run_id, {}).items())]
