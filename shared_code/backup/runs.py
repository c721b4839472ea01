"""One run of one customer: plan it, do its tasks a slice at a time, sum it up.

A run goes in rounds. Each round gives every unfinished resource one slice, so that a large drive never keeps the
others waiting; the orchestrator starts rounds until nothing is unfinished. A resource in trouble is left out of them
until its time has come, and keeps nobody else waiting. All state is in the ledger: orchestrations carry numbers only,
and every step is safe to replay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from shared_code.backup.copier import ResourceCopier
from shared_code.errors import BackupError, ThrottledError
from shared_code.model.agreement import Agreement
from shared_code.model.census import Census, Comings, Known, compare_census
from shared_code.model.lease import LeaseTerms
from shared_code.model.outcome import Counts
from shared_code.model.resource import Customer, ResourceKind
from shared_code.model.run import Departed, Newcomer, ResourceOutcome, Run, RunState, RunTask

# The same resource is tried in this many rounds before the run gives it up; one that Graph puts off is not at fault
# and gets more of them, with the wait that Graph asks for in between, within the bounds of ``Waits``.
MAX_ATTEMPTS = 3
MAX_THROTTLED = 40
_NOBODY = (
    "The tenant lists nothing that can be backed up. Check that the app is still consented to there, and that its "
    "users have licences."
)
_LEFT = "The customer left while this run was under way: it ended with its round, and {} resources were not finished."
_MOST_REASONS = 3
_log = logging.getLogger(__name__)


class Step(StrEnum):
    """What came of one slice: the resource is done, has more to copy, or failed and is to be tried again."""

    DONE = "done"
    MORE = "more"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Waits:
    """Between two tries of a resource in trouble: Graph's own word, within these bounds."""

    least_s: float = 30.0
    most_s: float = 900.0


class Directory(Protocol):
    """What a run needs of the tenant's directory."""

    async def list_resources(self) -> Census:
        """Everything that can be protected, what cannot and why, and what could not be seen. Raises SourceError."""
        ...


class Runs(Protocol):
    """What a run needs of the ledger. Every write is one that can be repeated."""

    async def save(self, run: Run) -> None: ...
    async def get(self, customer_id: str, run_id: str) -> Run | None: ...
    async def add_tasks(self, run_id: str, tasks: Sequence[RunTask]) -> None: ...
    async def save_task(self, customer_id: str, run_id: str, task: RunTask) -> None: ...
    async def task(self, run_id: str, number: int) -> RunTask | None: ...
    async def tasks(self, run_id: str) -> list[RunTask]: ...
    async def known(self, customer_id: str) -> list[Known]: ...
    async def mark_departed(self, customer_id: str, resource_id: str, since: datetime) -> None: ...


class Container(Protocol):
    """What a run needs of the customer's store before it writes."""

    async def prepare(self) -> bool:
        """Make the container if it is missing; whether it enforces WORM. Raises NotImmutableError where a mutable
        one is not allowed."""
        ...

    async def keep_record(self) -> None:
        """See to it that the store says whose it is and what is agreed with them, and goes on saying so."""
        ...


@dataclass(frozen=True, slots=True)
class Round:
    """The next tasks to work on (numbers), and whether more follow in this round. ``wait_s`` is how long it takes
    until the first of those in trouble may be tried again; None when none waits."""

    numbers: tuple[int, ...]
    more: bool
    wait_s: float | None = None


class CustomerRuns:
    """The runs of one customer."""

    def __init__(
        self,
        customer: Customer,
        *,
        runs: Runs,
        directory: Directory,
        container: Container,
        agreement: Callable[[], Awaitable[Agreement]],
        copiers: Callable[[ResourceKind, Agreement], ResourceCopier],
        now: Callable[[], datetime],
        waits: Waits | None = None,
    ) -> None:
        self._customer = customer
        self._waits = waits or Waits()
        self._runs = runs
        self._directory = directory
        self._container = container
        self._agreement = agreement
        self._copiers = copiers
        self._now = now

    async def plan(self, run_id: str, limit: int | None = None) -> Round:
        """List the tenant and note what there is to do; returns the beginning of the first round. A run that is planned
        already stays as it is.

        Raises SourceError when the directory is out of reach, VaultError when the store is.
        """
        present, noted, immutable = await asyncio.gather(
            self._runs.get(self._customer.id, run_id),
            self._runs.tasks(run_id),
            self._container.prepare(),
        )
        if present and present.resources_total:
            return _round(noted, -1, limit, self._now())
        started_at = present.started_at if present else self._now()
        run = Run(run_id, self._customer.id, RunState.RUNNING, started_at)
        if run != present:  # a run that was asked for is noted already
            await self._runs.save(run)
        census, known, _ = await asyncio.gather(
            self._directory.list_resources(),
            self._runs.known(self._customer.id),
            self._container.keep_record(),
        )
        agreed = await self._agreement()  # after the record: what the ledger had lost of it is back
        comings, departed = await self._comings(census, known, agreed.terms)
        # An earlier attempt may have noted some already, with numbers that stay theirs, and on its terms.
        agreed = noted[0].agreed if noted else agreed
        numbered = {task.resource.id for task in noted}
        ordered = sorted((entry for entry in census.resources if entry.id not in numbered), key=lambda entry: entry.id)
        first = noted[-1].number + 1 if noted else 0
        new = [RunTask(first + place, entry, agreed) for place, entry in enumerate(ordered)]
        await self._runs.add_tasks(run_id, new)
        planned = replace(
            run,
            resources_total=len(noted) + len(new),
            not_covered=census.not_covered,
            departed=departed,
            new=tuple(Newcomer(entry.id, entry.display_name) for entry in comings.new),
            unseen=(*(entry.reason for entry in census.unseen), *comings.suspicious),
            immutable=immutable,
        )
        await self._runs.save(planned)
        return _round([*noted, *new], -1, limit, self._now())

    async def _comings(
        self, census: Census, known: Sequence[Known], terms: LeaseTerms
    ) -> tuple[Comings, tuple[Departed, ...]]:
        """Who came and who left since the runs before; that somebody left is noted with them."""
        now = self._now()
        # What has no restore point that is still promised is past reporting.
        kept = [entry for entry in known if entry.snapshot_at is None or terms.in_retention(entry.snapshot_at, now)]
        comings = compare_census(census, kept)
        for entry in comings.departed:
            if entry.departed_since is None:
                await self._runs.mark_departed(self._customer.id, entry.resource.id, now)
        deleted = dict(census.deleted_accounts)
        return comings, tuple(
            Departed(
                entry.resource.id,
                entry.resource.display_name,
                entry.snapshot_at,
                entry.departed_since or now,
                deleted.get(entry.resource.attributes.get("user_id", "")),
            )
            for entry in comings.departed
        )

    async def round(self, run_id: str, after: int, limit: int) -> Round:
        """The unfinished tasks behind number ``after`` (-1: from the first) whose time has come, at most ``limit``."""
        return _round(await self._runs.tasks(run_id), after, limit, self._now())

    async def work_on(self, run_id: str, number: int) -> Step:
        """One slice of one task. Failure is data: what goes wrong is noted with the task, together with the time before
        which it is not tried again, and after MAX_ATTEMPTS (MAX_THROTTLED when Graph puts it off) it is its outcome.
        Raises LedgerError alone."""
        task = await self._runs.task(run_id, number)
        if task is None or task.outcome:
            return Step.DONE
        try:
            result = await self._copiers(task.resource.kind, task.agreed).run_slice(task.resource, run_id)
        except ThrottledError as error:
            task = self._after_error(replace(task, throttled=task.throttled + 1), error, error.retry_after_s)
        except BackupError as error:
            task = self._after_error(replace(task, attempts=task.attempts + 1), error)
        except Exception as error:  # noqa: BLE001 - the boundary of the activity
            _log.exception("unexpected error with %s", task.resource.id)
            task = self._after_error(replace(task, attempts=task.attempts + 1), error)
        else:
            if not result.outcome:
                if task.attempts or task.throttled:
                    fresh = replace(task, attempts=0, throttled=0, not_before=None)
                    await self._runs.save_task(self._customer.id, run_id, fresh)
                return Step.MORE
            task = replace(task, outcome=result.outcome)
        await self._runs.save_task(self._customer.id, run_id, task)
        return Step.DONE if task.outcome else Step.AGAIN

    def _after_error(self, task: RunTask, error: Exception, wait_s: float | None = None) -> RunTask:
        """The task as it stands after this error, which is counted in it already: to be tried again, or failed."""
        _log.warning("%s of %s: %s", task.resource.id, self._customer.id, type(error).__name__)
        retryable = error.retryable if isinstance(error, BackupError) else True
        if retryable and task.attempts < MAX_ATTEMPTS and task.throttled < MAX_THROTTLED:
            wait_s = min(max(wait_s or 0.0, self._waits.least_s), self._waits.most_s)
            return replace(task, not_before=self._now() + timedelta(seconds=wait_s))
        message = error.message if isinstance(error, BackupError) else f"internal error {type(error).__name__}"
        outcome = ResourceOutcome(
            resource_id=task.resource.id,
            kind=str(task.resource.kind),
            display_name=task.resource.display_name,
            state=RunState.FAILED,
            error=message,
        )
        return replace(task, outcome=outcome)

    async def close(self, run_id: str, *, has_left: bool = False) -> Run:
        """Sum the run up from its tasks; ``has_left``: the customer has, which is why some may be unfinished, or none
        was planned. A run that found nothing to do is partial, for a tenant that lists nobody has most likely withdrawn
        something from the app; so is one that could not see everything."""
        run, tasks = await asyncio.gather(self._runs.get(self._customer.id, run_id), self._runs.tasks(run_id))
        if run is None:
            raise BackupError("A run is closed that was never planned.", run_id=run_id)
        outcomes = [task.outcome for task in tasks if task.outcome]
        failed = sum(outcome.state is RunState.FAILED for outcome in outcomes)
        whole = (
            bool(tasks)
            and not run.unseen
            and len(outcomes) == len(tasks)
            and all(entry.state is RunState.COMPLETE for entry in outcomes)
        )
        unfinished = len(tasks) - len(outcomes)
        state = RunState.COMPLETE if whole else RunState.PARTIAL
        if tasks and failed == len(outcomes):
            state = RunState.FAILED
        was_cut = has_left and (unfinished > 0 or not tasks)
        reasons = [*([_LEFT.format(unfinished)] if was_cut else ()), *run.unseen]
        closed = replace(
            run,
            state=state,
            ended_at=run.ended_at or self._now(),
            resources_done=len(outcomes),
            resources_failed=failed,
            counts=sum((outcome.counts for outcome in outcomes), Counts()),
            error=" ".join(reasons[:_MOST_REASONS]) if tasks or was_cut else _NOBODY,
        )
        await self._runs.save(closed)
        return closed

    async def fail(self, run_id: str, error: str) -> None:
        """Note that the run as a whole could not be done."""
        present = await self._runs.get(self._customer.id, run_id)
        run = present or Run(run_id, self._customer.id, RunState.RUNNING, self._now())
        await self._runs.save(replace(run, state=RunState.FAILED, ended_at=self._now(), error=error))


def _round(tasks: Sequence[RunTask], after: int, limit: int | None, now: datetime) -> Round:
    unfinished = [task for task in tasks if not task.outcome]
    due = [
        task.number for task in unfinished if task.number > after and (not task.not_before or task.not_before <= now)
    ]
    later = [task.not_before for task in unfinished if task.not_before and task.not_before > now]
    wait_s = (min(later) - now).total_seconds() if later else None
    return Round(tuple(due[:limit]), limit is not None and len(due) > limit, wait_s)
