"""What the targets of all workloads share: telling an item's own trouble from that of the whole resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from shared_code.errors import AccessDeniedError, BackupError, SourceError, VaultError
from shared_code.graph.concurrency import all_of
from shared_code.model.item import Form
from shared_code.model.write_back import RestoreItem, WriteState, Written

T = TypeVar("T")


def is_items_own(error: BackupError) -> bool:
    """Whether an error concerns one item alone, so that the others go on. What trying again later can cure,
    and a missing permission, concern all."""
    if error.retryable or isinstance(error, AccessDeniedError):
        return False
    return isinstance(error, SourceError | VaultError)


def failed(item: RestoreItem, error: BackupError) -> Written:
    """The outcome of an item with an error of its own. Raises the error when it is not."""
    if not is_items_own(error):
        raise error
    return Written(item.id, WriteState.FAILED, error=error.message)


async def read_form(item: RestoreItem, form: Form) -> bytes:
    """The checked bytes of a stored form, whole. Raises VaultError."""
    return b"".join([part async for part in item.open(form)])


async def each(jobs: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> tuple[list[T], BackupError | None]:
    """Run jobs a few at a time, all of them to their ends: the results of those that had one, and the first
    error."""
    errors: list[BackupError] = []

    def guarded(job: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[list[T]]]:
        async def run() -> list[T]:
            if errors:
                return []
            try:
                return [await job()]
            except BackupError as error:
                errors.append(error)
                return []

        return run

    results = await all_of([guarded(job) for job in jobs], at_once)
    return [entry for result in results for entry in result], errors[0] if errors else None
