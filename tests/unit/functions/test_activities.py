"""What the Functions worker asks of an app before it loads it."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import azure.durable_functions as df

from functions import backup, customers, restore_work, retention
from local.host_index import IndexedFunction, index_app


def _activities() -> list[IndexedFunction]:
    app = df.DFApp()
    for blueprint in (backup.bp, restore_work.bp, retention.bp, customers.bp):
        app.register_functions(blueprint)
    return [function for function in index_app(app) if function.trigger == "activityTrigger"]


def test_every_activity_takes_a_payload_of_an_annotation_that_the_worker_loads() -> None:
    activities = _activities()
    assert len(activities) >= 11
    for activity in activities:
        assert list(inspect.signature(activity.code).parameters) == [activity.argument], activity.name
        # The worker's own test: ``dict[str, Any]`` is no type, and the whole app would not load.
        assert isinstance(get_type_hints(activity.code)[activity.argument], type), activity.name
