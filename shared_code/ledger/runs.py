"""Runs, what each of them has to do, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from azure.data.tables.aio import TableServiceClient

from shared_code.ledger.tables import Table
from shared_code.model.agreement import Agreement
from shared_code.model.census import Known
from shared_code.model.item import format_time, parse_time
from shared_code.model.outcome import Counts
from shared_code.model.resource import Resource
from shared_code.model.run import Departed, Newcomer, NotCovered, ResourceOutcome, Run, RunState, RunTask


class RunLedger:
    """Tables: ``runs`` (customer -> run), ``runtasks`` (run -> resource by number), ``resources`` (customer ->
    newest outcome of each resource). Every write replaces one row by the same: replays are harmless."""

    def __init__(self, service: TableServiceClient) -> None:
        self._runs = Table(service, "runs")
        self._tasks = Table(service, "runtasks")
        self._resources = Table(service, "resources")

    async def save(self, run: Run) -> None:
        """Insert or replace a run."""
        await self._runs.put(run.customer_id, run.id, _run_to_json(run))

    async def get(self, customer_id: str, run_id: str) -> Run | None:
        """The run of that id."""
        row = await self._runs.get(customer_id, run_id)
        return _run_from_json(row) if row else None

    async def newest(self, customer_id: str, limit: int) -> list[Run]:
        """The customer's runs, newest first."""
        return _newest_first(await self._runs.rows(customer_id))[:limit]

    async def since(self, customer_id: str, run_id: str) -> list[Run]:
        """The customer's runs of that id and of those that sort behind it, newest first. Ids sort by the day."""
        return _newest_first(await self._runs.rows(customer_id, first=run_id))

    async def add_tasks(self, run_id: str, tasks: Sequence[RunTask]) -> None:
        """Note what a run has to do, before it does anything."""
        await self._tasks.put_many(run_id, [(_row(task.number), _task_to_json(task)) for task in tasks])

    async def save_task(self, customer_id: str, run_id: str, task: RunTask) -> None:
        """Note what came of a resource, or that another attempt is needed."""
        if task.outcome:  # before the task: once that has an outcome, no replay would write this row
            await self.index_resource(customer_id, run_id, task.resource, task.outcome)
        await self._tasks.put(run_id, _row(task.number), _task_to_json(task))

    async def index_resource(self, customer_id: str, run_id: str, resource: Resource, outcome: ResourceOutcome) -> None:
        """Note the newest outcome of a resource."""
        last = {"seq": outcome.seq, "committed_at": format_time(outcome.committed_at) if outcome.committed_at else None}
        if not outcome.seq:  # a run that failed takes no restore point away
            before = await self._resources.get(customer_id, resource.id)
            last = (before or {}).get("last_snapshot") or last
        newest = {
            "run_id": run_id,
            "resource": resource.to_json(),
            "outcome": outcome.to_json(),
            "last_snapshot": last,
            "departed_since": None,
        }
        await self._resources.put(customer_id, resource.id, newest)

    async def knows(self, customer_id: str, resource_id: str) -> bool:
        """Whether a resource ever was in a run."""
        return await self._resources.get(customer_id, resource_id) is not None

    async def known(self, customer_id: str) -> list[Known]:
        """Every resource that ever was in a run, with its newest restore point."""
        return [_known(row) for row in await self._resources.rows(customer_id)]

    async def mark_departed(self, customer_id: str, resource_id: str, since: datetime) -> None:
        """Note since when a resource is missed; its next outcome, should it come back, takes that away again."""
        row = await self._resources.get(customer_id, resource_id)
        if row:
            await self._resources.put(customer_id, resource_id, {**row, "departed_since": format_time(since)})

    async def task(self, run_id: str, number: int) -> RunTask | None:
        """One resource of a run, by its number."""
        row = await self._tasks.get(run_id, _row(number))
        return _task_from_json(row) if row else None

    async def tasks(self, run_id: str) -> list[RunTask]:
        """Every resource of a run, by number."""
        return [_task_from_json(row) for row in await self._tasks.rows(run_id)]

    async def resources(self, customer_id: str) -> list[dict[str, Any]]:
        """Newest outcome of each resource that ever was in a run: ``run_id``, ``resource``, ``outcome``, and since when
        it is missed (``departed_since``)."""
        return list(await self._resources.rows(customer_id))


def _known(row: dict[str, Any]) -> Known:
    last, since = row.get("last_snapshot") or {}, row.get("departed_since")
    seq = last.get("seq") or row["outcome"]["seq"]
    committed = last.get("committed_at") or row["outcome"].get("committed_at")
    return Known(
        Resource.from_json(row["resource"]),
        seq,
        parse_time(committed) if committed else None,
        parse_time(since) if since else None,
    )


def _row(number: int) -> str:
    return f"{number:07d}"


def _task_to_json(task: RunTask) -> dict[str, Any]:
    return {
        "number": task.number,
        "resource": task.resource.to_json(),
        "agreed": task.agreed.to_json(),
        "attempts": task.attempts,
        "throttled": task.throttled,
        "outcome": task.outcome.to_json() if task.outcome else None,
        "not_before": format_time(task.not_before) if task.not_before else None,
    }


def _task_from_json(row: dict[str, Any]) -> RunTask:
    outcome, not_before = row["outcome"], row.get("not_before")
    return RunTask(
        row["number"],
        Resource.from_json(row["resource"]),
        Agreement.from_json(row["agreed"]),
        row["attempts"],
        row.get("throttled", 0),
        ResourceOutcome.from_json(outcome) if outcome else None,
        parse_time(not_before) if not_before else None,
    )


def _newest_first(rows: Sequence[dict[str, Any]]) -> list[Run]:
    """By the time of their start: ids of nightly runs sort before those that people asked for on the same day."""
    return sorted((_run_from_json(row) for row in rows), key=lambda run: (run.started_at, run.id), reverse=True)


def _run_to_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "customer_id": run.customer_id,
        "state": str(run.state),
        "started_at": format_time(run.started_at),
        "ended_at": format_time(run.ended_at) if run.ended_at else None,
        "resources_total": run.resources_total,
        "resources_done": run.resources_done,
        "resources_failed": run.resources_failed,
        "counts": run.counts.to_json(),
        "not_covered": [{"what": entry.what, "cause": str(entry.cause)} for entry in run.not_covered],
        "departed": [entry.to_json() for entry in run.departed],
        "new": [{"resource_id": entry.resource_id, "display_name": entry.display_name} for entry in run.new],
        "unseen": list(run.unseen),
        "immutable": run.immutable,
        "error": run.error,
    }


def _run_from_json(row: dict[str, Any]) -> Run:
    ended: datetime | None = parse_time(row["ended_at"]) if row["ended_at"] else None
    return Run(
        id=row["id"],
        customer_id=row["customer_id"],
        state=RunState(row["state"]),
        started_at=parse_time(row["started_at"]),
        ended_at=ended,
        resources_total=row["resources_total"],
        resources_done=row["resources_done"],
        resources_failed=row["resources_failed"],
        counts=Counts.from_json(row["counts"]),
        not_covered=tuple(NotCovered(entry["what"], entry["cause"]) for entry in row["not_covered"]),
        departed=tuple(Departed.from_json(entry) for entry in row.get("departed", ())),
        new=tuple(Newcomer(**entry) for entry in row.get("new", ())),
        unseen=tuple(row.get("unseen", ())),
        immutable=row["immutable"],
        error=row["error"],
    )
