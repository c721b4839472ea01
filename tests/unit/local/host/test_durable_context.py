"""The adapter and the Azure library, fed with the same outcomes, must lead an orchestrator the same way."""

from collections.abc import Callable, Generator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.ReplaySchema import ReplaySchema
from azure.durable_functions.models.Task import AtomicTask, WhenAllTask, WhenAnyTask
from azure.durable_functions.testing import orchestrator_generator_wrapper
from durabletask import task as engine

from local.durable_context import LocalOrchestrationContext, run_orchestrator
from local.durable_tasks import LocalTask
from local.host_index import index_app
from tests.fakes import toy_function_app as toy

Outcome = Callable[[str, Any], Any]


def code(name: str) -> Callable[[Any], Any]:
    return next(one.code for one in index_app(toy.app) if one.name == name)


class FailedTask:
    """The wrapper throws into the orchestrator what reading ``result`` raises."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @property
    def result(self) -> Any:
        raise self._error


def run_with_azure(name: str, payload: Any, outcome: Outcome) -> Any:
    """What the orchestrator returns under the Azure library; every activity is complete when it is made."""

    def activity(function: str, given: Any = None) -> Any:
        made = AtomicTask(1, NoOpAction(function))
        try:
            made.set_value(is_error=False, value=outcome(function, given))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            return FailedTask(error)
        return made

    context = SimpleNamespace(
        get_input=lambda: payload,
        call_activity=activity,
        call_activity_with_retry=lambda function, _, given=None: activity(function, given),
        task_all=lambda tasks: WhenAllTask(tasks, ReplaySchema.V3),
        task_any=lambda tasks: WhenAnyTask(tasks, ReplaySchema.V3),
        set_custom_status=lambda status: None,
        continue_as_new=lambda given: None,
        instance_id="one",
    )
    seen = list(orchestrator_generator_wrapper(code(name)(context)))
    return seen[-1]


class EngineContext:
    """As much of the engine's context as the adapter uses; activities complete when they are scheduled."""

    instance_id = "one"
    is_replaying = False
    parent_instance_id = None
    current_utc_datetime = datetime(2026, 11, 24)

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.scheduled: list[str] = []

    def call_activity(self, name: str, *, input: Any = None, retry_policy: Any = None) -> engine.CompletableTask[Any]:
        self.scheduled.append(name)
        made: engine.CompletableTask[Any] = engine.CompletableTask()
        try:
            made.complete(self._outcome(name, input))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the outcome
            made.fail(str(error), error)
        return made

    def set_custom_status(self, status: Any) -> None: ...

    def continue_as_new(self, payload: Any) -> None: ...


def run_with_adapter(name: str, payload: Any, outcome: Outcome) -> Any:
    context = LocalOrchestrationContext(EngineContext(outcome), payload)  # type: ignore[arg-type]
    driven = run_orchestrator(code(name), context)
    with pytest.raises(StopIteration) as stopped:
        next(driven)
    return stopped.value.value


def double(name: str, number: Any) -> Any:
    return number * 2


def broken(name: str, payload: Any) -> Any:
    raise ValueError("it broke")


@pytest.mark.parametrize(
    ("name", "payload", "outcome"),
    [
        ("fan_out", 7, double),
        ("window", 8, double),
        ("retrying", {"key": "a"}, lambda name, payload: "well"),
        ("nothing_to_do", None, double),
        ("counting_down", {"left": 1, "seen": [6, 4]}, double),
        ("counting_down", {"left": 3, "seen": []}, double),
    ],
)
def test_the_adapter_agrees_with_the_azure_library(name: str, payload: Any, outcome: Outcome) -> None:
    azure, local = run_with_azure(name, payload, outcome), run_with_adapter(name, payload, outcome)
    # After continue_as_new the result counts for nothing; the adapter stops there.
    assert (local or "") == (azure or "")


def test_a_failure_is_thrown_as_a_plain_exception_in_both() -> None:
    azure, local = run_with_azure("retrying", {}, broken), run_with_adapter("retrying", {}, broken)
    assert azure == {"failed": "it broke", "type": "ValueError"}  # the wrapper throws what the test put in
    assert local == {"failed": "Activity function 'flaky' failed: it broke", "type": "Exception"}


def test_tasks_are_scheduled_when_they_are_yielded() -> None:
    inner = EngineContext(double)

    def orchestrator(context: df.DurableOrchestrationContext) -> Generator[Any, Any, list[str]]:
        context.call_activity("never yielded", 1)
        waiting = context.call_activity("yielded", 1)
        assert inner.scheduled == []
        assert (waiting.is_completed, waiting.result) == (False, None)
        yield waiting
        assert (waiting.is_completed, waiting.result) == (True, 2)
        return inner.scheduled

    with pytest.raises(StopIteration) as stopped:
        next(run_orchestrator(orchestrator, LocalOrchestrationContext(inner, None)))  # type: ignore[arg-type]
    assert stopped.value.value == ["yielded"]


def test_all_fails_with_the_first_failure_while_others_still_run() -> None:
    first, second = engine.CompletableTask[int](), engine.CompletableTask[int]()
    context = LocalOrchestrationContext(EngineContext(double), None)  # type: ignore[arg-type]
    both = context.task_all([LocalTask(lambda: first), LocalTask(lambda: second, "Activity: ")])
    assert not both.inner().is_complete
    second.fail("lost", ValueError("lost"))
    assert both.is_completed
    assert str(both.result) == "Activity: lost"


def test_yielding_anything_else_is_an_error_that_names_it() -> None:
    def orchestrator(context: Any) -> Generator[Any, Any, None]:
        yield 3

    with pytest.raises(TypeError, match="not int"):
        next(run_orchestrator(orchestrator, LocalOrchestrationContext(EngineContext(double), None)))  # type: ignore[arg-type]
