"""What an orchestrator yields: shaped as the tasks of ``azure.durable_functions``, carried out by ``durabletask``."""

from collections.abc import Callable, Sequence
from typing import Any

from azure.durable_functions.models.Task import TaskState
from durabletask import task as engine


class LocalTask:
    """One awaited thing. Wraps the engine's task, which exists from the moment the orchestrator yields it."""

    def __init__(self, schedule: Callable[[], engine.Task[Any]], failure_prefix: str = "") -> None:
        self._schedule = schedule
        self._failure_prefix = failure_prefix
        self._inner: engine.Task[Any] | None = None

    def inner(self) -> engine.Task[Any]:
        """The engine's task; the first call schedules it."""
        if self._inner is None:
            self._inner = self._schedule()
        return self._inner

    @property
    def is_completed(self) -> bool:
        """True once it has succeeded or failed."""
        return self._inner is not None and self._inner.is_complete

    @property
    def state(self) -> TaskState:
        """RUNNING, SUCCEEDED or FAILED, as in the Azure library."""
        if not self.is_completed:
            return TaskState.RUNNING
        return TaskState.FAILED if self.inner().is_failed else TaskState.SUCCEEDED

    @property
    def result(self) -> Any:
        """What it gave; the exception itself if it failed; None while it runs."""
        if not self.is_completed:
            return None
        if self.inner().is_failed:
            return self.failure(self.inner().get_exception())
        return self.inner().get_result()

    def failure(self, error: BaseException) -> Exception:
        """``error`` as the Azure library hands it on: a plain Exception with a message and nothing else."""
        message = error.details.message if isinstance(error, engine.TaskFailedError) else str(error)
        return Exception(f"{self._failure_prefix}{message}")


class LocalTimer(LocalTask):
    """A durable timer, which can be cancelled while it runs."""

    is_cancelled = False

    def cancel(self) -> None:
        """Stop waiting. Raises ValueError when it has fired already."""
        if self.is_completed:
            raise ValueError("Cannot cancel a completed task.")
        self.is_cancelled = True
        if isinstance(self._inner, engine.CancellableTask):
            self._inner.cancel()


class AllTask(LocalTask):
    """All of several tasks: their results in order, or the first failure."""

    def __init__(self, children: Sequence[LocalTask]) -> None:
        super().__init__(lambda: _FailFastAll([child.inner() for child in children]))
        self._children = children

    @property
    def result(self) -> Any:
        """The children's results; None for no children, as the Azure library has it."""
        if self.is_completed and not self.inner().is_failed and self._children:
            return [child.result for child in self._children]
        return super().result if self._children else None

    def failure(self, error: BaseException) -> Exception:
        """The failure of the child that failed first, in that child's words."""
        for child in self._children:
            if child.is_completed and child.inner().is_failed and child.inner().get_exception() is error:
                return child.failure(error)
        return super().failure(error)


class AnyTask(LocalTask):
    """The first of several tasks to finish, whether well or not."""

    def __init__(self, children: Sequence[LocalTask]) -> None:
        super().__init__(lambda: engine.when_any([child.inner() for child in children]))
        self._children = children

    @property
    def result(self) -> Any:
        """The child that won; None while all run."""
        if not self.is_completed:
            return None
        winner = self.inner().get_result()
        return next(child for child in self._children if child.inner() is winner)


class _FailFastAll(engine.WhenAllTask[Any]):
    """The engine's own waits for every child before it fails; the Azure library does not."""

    def __init__(self, tasks: list[engine.Task[Any]]) -> None:
        super().__init__(tasks)
        if not tasks:
            self._is_complete = True
            self._result = []

    def on_child_completed(self, task: engine.Task[Any]) -> None:
        if task.is_failed and not self.is_complete:
            self._is_complete = True
            self._exception = task.get_exception()
            self._notify_parent()
        else:
            super().on_child_completed(task)
