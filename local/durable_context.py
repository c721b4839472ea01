"""The ``context`` of an orchestrator: shaped as in ``azure.durable_functions``, driven by ``durabletask``.

The product's orchestrators are generators written against ``DurableOrchestrationContext``. Here they run on
Microsoft's other library, which executes the same model (history, replay, tasks). What differs between the
two is made to agree with the Azure library, as read in its version 1.7:

- a task is scheduled when it is *yielded*, alone or inside ``task_all``/``task_any``, not when it is created;
- ``task_all`` fails on the first failure and gives ``None`` for an empty list; ``task_any`` gives the winner;
- a failed task's ``result`` is the exception, thrown as a plain ``Exception`` into the orchestrator;
- ``current_utc_datetime`` is aware.

Payloads must be plain JSON: objects with ``to_json``, which Azure would also take, are refused here.
"""

from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta
from types import GeneratorType
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from azure.durable_functions import RetryOptions
from durabletask import task as engine

from local.durable_tasks import AllTask, AnyTask, LocalTask, LocalTimer


class LocalOrchestrationContext:
    """The part of ``DurableOrchestrationContext`` that orchestrators here may use."""

    def __init__(self, context: engine.OrchestrationContext, payload: Any) -> None:
        self._context = context
        self._payload = payload
        self._child_count = 0
        # The same in every replay, another one in every execution of this instance id.
        self._execution_id = uuid5(NAMESPACE_URL, f"{context.instance_id}_{self.current_utc_datetime}").hex
        self.will_continue_as_new = False

    @property
    def instance_id(self) -> str:
        """The id of this orchestration instance."""
        return self._context.instance_id

    @property
    def parent_instance_id(self) -> str | None:
        """The id of the orchestration that called this one, if the engine tells it."""
        return self._context.parent_instance_id

    @property
    def is_replaying(self) -> bool:
        """True while the history is being replayed."""
        return self._context.is_replaying

    @property
    def current_utc_datetime(self) -> datetime:
        """The replay-safe time, aware, in UTC."""
        moment = self._context.current_utc_datetime
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def get_input(self, expected_type: type | None = None) -> Any:
        """The JSON value this instance was started with."""
        return self._payload

    def call_activity(self, name: str, input_: Any = None, expected_type: type | None = None) -> LocalTask:
        """Call the activity ``name``."""
        return self._activity(name, input_, None)

    def call_activity_with_retry(
        self, name: str, retry_options: RetryOptions, input_: Any = None, expected_type: type | None = None
    ) -> LocalTask:
        """Call the activity ``name``; when it raises, call again after the interval, while attempts last."""
        return self._activity(name, input_, _policy(retry_options))

    def call_sub_orchestrator(
        self,
        name: str,
        input_: Any = None,
        instance_id: str | None = None,
        version: str | None = None,
        expected_type: type | None = None,
    ) -> LocalTask:
        """Run the orchestrator ``name`` as a part of this one."""
        return self._sub_orchestrator(name, input_, instance_id, None)

    def call_sub_orchestrator_with_retry(
        self,
        name: str,
        retry_options: RetryOptions,
        input_: Any = None,
        instance_id: str | None = None,
        version: str | None = None,
        expected_type: type | None = None,
    ) -> LocalTask:
        """Run the orchestrator ``name`` as a part of this one, again when it fails."""
        return self._sub_orchestrator(name, input_, instance_id, _policy(retry_options))

    def create_timer(self, fire_at: datetime) -> LocalTimer:
        """A task that completes at the aware time ``fire_at``."""
        return LocalTimer(lambda: self._context.create_timer(fire_at))

    def wait_for_external_event(self, name: str, expected_type: type | None = None) -> LocalTask:
        """A task that completes with the data of the next event of that name."""
        return LocalTask(lambda: self._context.wait_for_external_event(name))

    def task_all(self, activities: Sequence[LocalTask]) -> LocalTask:
        """A task for all of these."""
        return AllTask(list(activities))

    def task_any(self, activities: Sequence[LocalTask]) -> LocalTask:
        """A task for the first of these to finish."""
        return AnyTask(list(activities))

    def set_custom_status(self, status: Any) -> None:
        """Set what the status query shows as ``customStatus``."""
        self._context.set_custom_status(status)

    def continue_as_new(self, input_: Any) -> None:
        """Begin again with an empty history; the orchestrator should return right after."""
        self.will_continue_as_new = True
        self._context.continue_as_new(input_)

    def new_uuid(self) -> str:
        """A UUID that is the same in every replay."""
        return self._context.new_uuid()

    def _activity(self, name: str, payload: Any, policy: engine.RetryPolicy | None) -> LocalTask:
        _require_name(name)
        return LocalTask(
            lambda: self._context.call_activity(name, input=payload, retry_policy=policy),
            failure_prefix=f"Activity function '{name}' failed: ",
        )

    def _sub_orchestrator(
        self, name: str, payload: Any, instance_id: str | None, policy: engine.RetryPolicy | None
    ) -> LocalTask:
        _require_name(name)
        self._child_count += 1
        child_id = instance_id or f"{self._execution_id}:{self._child_count:x}"
        return LocalTask(
            lambda: self._context.call_sub_orchestrator(name, input=payload, instance_id=child_id, retry_policy=policy),
            failure_prefix=f"Sub-orchestrator function '{name}' failed: ",
        )


def run_orchestrator(code: Callable[[Any], Any], context: LocalOrchestrationContext) -> Any:
    """Run the user's orchestrator: its result if it is a plain function, else a generator of engine tasks."""
    outcome = code(context)
    return _drive(outcome, context) if isinstance(outcome, GeneratorType) else outcome


def _drive(
    orchestrator: Generator[Any, Any, Any], context: LocalOrchestrationContext
) -> Generator[engine.Task[Any], Any, Any]:
    try:
        waited = next(orchestrator)
        while True:
            if context.will_continue_as_new:
                orchestrator.close()
                return None
            if not isinstance(waited, LocalTask):
                raise TypeError(f"an orchestrator must yield tasks of its context, not {type(waited).__name__}")
            inner = waited.inner()
            try:
                if not inner.is_complete:  # the engine would wait for ever if the first task it sees is complete
                    yield inner
                inner.get_result()
            except engine.TaskFailedError as error:
                waited = orchestrator.throw(waited.failure(error))
            else:
                waited = orchestrator.send(waited.result)
    except StopIteration as stop:
        return stop.value


def _policy(options: RetryOptions) -> engine.RetryPolicy:
    return engine.RetryPolicy(
        first_retry_interval=timedelta(milliseconds=options.first_retry_interval_in_milliseconds),
        max_number_of_attempts=options.max_number_of_attempts,
    )


def _require_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError("the local host wants functions called by their names")
