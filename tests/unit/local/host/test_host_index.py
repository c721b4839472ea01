import azure.durable_functions as df
import azure.functions as func
import pytest

from local.host_index import AppError, index_app
from tests.fakes import toy_function_app as toy


def test_every_kind_of_function_is_indexed_with_its_plain_code() -> None:
    functions = {one.name: one for one in index_app(toy.app)}
    assert (functions["double"].trigger, functions["double"].argument) == ("activityTrigger", "number")
    assert functions["double"].is_async
    assert not functions["flaky"].is_async
    assert functions["fan_out"].trigger == "orchestrationTrigger"
    assert functions["start"].client_arguments == ("client",)
    assert functions["start"].code.__name__ == "start"
    assert (functions["echo"].route, functions["echo"].methods) == ("echo/{name}", ("GET", "POST"))
    assert functions["tick"].schedule == "*/1 * * * * *"
    assert functions["broken"].takes_context


def test_one_app_can_be_indexed_again() -> None:
    assert index_app(toy.app) is index_app(toy.app)


def test_an_app_of_the_durable_library_is_one_too() -> None:
    app = df.DFApp()

    @app.activity_trigger(input_name="given")
    def same(given: str) -> str:
        return given

    assert [one.name for one in index_app(app)] == ["same"]


def test_a_trigger_that_the_host_lacks_is_refused() -> None:
    app = func.FunctionApp()

    @app.queue_trigger(arg_name="message", queue_name="q", connection="C")
    def drain(message: func.QueueMessage) -> None: ...

    with pytest.raises(AppError, match="queueTrigger"):
        index_app(app)
