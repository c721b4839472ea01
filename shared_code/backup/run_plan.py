"""The planned duration of a customer's runs: from what earlier runs read, or from assumptions where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from shared_code.backup.duration import ASSUMED, ASSUMED_DAILY_SHARE, PlannedRun, planned_run
from shared_code.model.resource import ResourceKind
from shared_code.model.run import Run, RunState, RunTask
from shared_code.model.tenant_size import KindSize, TenantSize, size_of_run

_RUNS_LOOKED_AT = 400


class Basis(StrEnum):
    """Where the sizes come from: ``measured`` by runs; ``assumed``: the number of resources is known or was given, what
    each holds is not; ``nothing``."""

    MEASURED = "measured"
    ASSUMED = "assumed"
    NOTHING = "nothing"


class Runs(Protocol):
    """What a plan needs of the ledger."""

    async def newest(self, customer_id: str, limit: int) -> list[Run]: ...
    async def tasks(self, run_id: str) -> list[RunTask]: ...


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The least time of a first run and of a daily one, and what they were computed from."""

    basis: Basis
    daily_basis: Basis
    share: float
    size: TenantSize
    daily_size: TenantSize
    first: PlannedRun
    daily: PlannedRun

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "licences": self.size.licences,
            "share_percent": round(self.share * 100),
            "first": _to_json(self.basis, self.size, self.first),
            "daily": _to_json(self.daily_basis, self.daily_size, self.daily),
        }


async def run_plan(runs: Runs, customer_id: str, asked: TenantSize, *, share: float, resources_at_once: int) -> RunPlan:
    """Compute the plan. Numbers in ``asked`` go before what runs have found; ``share`` is the part of each limit that
    the service uses. Raises LedgerError."""
    history = await runs.newest(customer_id, _RUNS_LOOKED_AT)
    ended = [run for run in history if run.state in (RunState.COMPLETE, RunState.PARTIAL) and run.resources_done]
    basis, daily_basis = Basis.ASSUMED, Basis.ASSUMED
    if asked.kinds:
        size = _assumed({kind: entry.resources for kind, entry in asked.kinds.items()}, asked.licences)
        daily_size = _part_of(size)
    elif ended:
        # The run that read the most is the one that read everything.
        first = max(ended, key=lambda run: run.counts.stored)
        size, basis = size_of_run(await runs.tasks(first.id), asked.licences), Basis.MEASURED
        later = next((run for run in ended if run.started_at > first.started_at), None)
        daily_size = _part_of(size)
        if later is not None:
            daily_size, daily_basis = size_of_run(await runs.tasks(later.id), asked.licences), Basis.MEASURED
    else:
        planned = await _planned(runs, history)
        size = _assumed(planned, asked.licences)
        daily_size = _part_of(size)
        if not planned:
            basis = daily_basis = Basis.NOTHING
    return RunPlan(
        basis,
        daily_basis,
        share,
        size,
        daily_size,
        planned_run(size, share=share, resources_at_once=resources_at_once),
        planned_run(daily_size, share=share, resources_at_once=resources_at_once),
    )


async def _planned(runs: Runs, history: Sequence[Run]) -> dict[ResourceKind, int]:
    """How many resources the newest run that listed any has."""
    listed = next((run for run in history if run.resources_total), None)
    numbers: dict[ResourceKind, int] = {}
    for task in await runs.tasks(listed.id) if listed else ():
        numbers[task.resource.kind] = numbers.get(task.resource.kind, 0) + 1
    return numbers


def _assumed(numbers: Mapping[ResourceKind, int], licences: int | None) -> TenantSize:
    return TenantSize(licences, {kind: _times(ASSUMED[kind], number) for kind, number in numbers.items()})


def _times(one: KindSize, number: int) -> KindSize:
    return KindSize(number, number * one.items, number * one.size_bytes)


def _part_of(size: TenantSize) -> TenantSize:
    """What changes in a day, until a daily run has been measured: every resource is asked for all the same."""
    kinds = {
        kind: KindSize(
            entry.resources,
            round(entry.items * ASSUMED_DAILY_SHARE),
            round(entry.size_bytes * ASSUMED_DAILY_SHARE),
        )
        for kind, entry in size.kinds.items()
    }
    return TenantSize(size.licences, kinds)


def _to_json(basis: Basis, size: TenantSize, planned: PlannedRun) -> dict[str, Any]:
    return {
        "basis": str(basis),
        "seconds": round(planned.seconds),
        "binding_limit": planned.binding,
        "limits": [{"limit": bound.limit, "seconds": round(bound.seconds)} for bound in planned.bounds],
        "kinds": {
            str(kind): {"resources": entry.resources, "items": entry.items, "size_bytes": entry.size_bytes}
            for kind, entry in sorted(size.kinds.items())
        },
    }
