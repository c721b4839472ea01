"""The durable engine of the local host: Microsoft's ``durabletask`` in memory, fed with the app's functions.

Three parts of that library are put together here: the in-memory backend (``durabletask.testing``), which
keeps histories and queues, a worker that runs orchestrators and activities, and a client. All state dies with
the process.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent import futures
from datetime import datetime
from typing import Any

import grpc  # type: ignore[import-untyped]
from durabletask import task
from durabletask.client import OrchestrationQuery, OrchestrationState, TaskHubGrpcClient
from durabletask.grpc_options import GrpcChannelOptions
from durabletask.history import HistoryEvent
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.internal import orchestrator_service_pb2_grpc as stubs
from durabletask.internal.exceptions import AbandonOrchestrationError  # type: ignore[import-not-found]
from durabletask.serialization import DataConverter
from durabletask.worker import ConcurrencyOptions, TaskHubGrpcWorker

from local.durable_backend import CheckedBackend
from local.durable_context import LocalOrchestrationContext, run_orchestrator
from local.host_index import IndexedFunction
from local.host_settings import HostSettings

_log = logging.getLogger("local.host.durable")
_engine_log = logging.getLogger("local.host.durabletask")
_engine_log.setLevel(logging.ERROR)  # below that it tells of its own connections and of every turn

_MAX_MESSAGE_BYTES = 64 * 1024 * 1024
_FINISHED = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)


class InstanceExistsError(Exception):
    """An instance with this id has not finished yet, so that no second one may start."""


class PlainJson(DataConverter):
    """Payloads as plain JSON. What JSON cannot express fails where it was given, as in Azure."""

    def serialize(self, value: Any) -> str | None:
        """JSON text; None stays None. Raises TypeError or ValueError."""
        return None if value is None else json.dumps(value, allow_nan=False)

    def deserialize(self, data: str | None, target_type: type | None = None) -> Any:
        """The JSON value; None for no payload."""
        return json.loads(data) if data else None

    def coerce(self, value: Any, target_type: type | None = None) -> Any:
        """The value as it is."""
        return value


class DurableEngine:
    """Runs the orchestrators and activities of one app. Create, ``start`` on the host's loop, ``stop``."""

    def __init__(self, functions: Sequence[IndexedFunction], settings: HostSettings) -> None:
        self._functions = functions
        self._settings = settings
        self._stopping = False
        self._running: set[futures.Future[Any]] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start backend, worker and client. Async activities will run on ``loop``."""
        self._loop = loop
        self._backend = CheckedBackend()
        options = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ]
        # The backend's own start() listens on every network interface; this one on the loopback only.
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=options)
        stubs.add_TaskHubSidecarServiceServicer_to_server(self._backend, self._server)
        address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        channel_options = GrpcChannelOptions(
            max_receive_message_length=_MAX_MESSAGE_BYTES, max_send_message_length=_MAX_MESSAGE_BYTES
        )
        self._client = TaskHubGrpcClient(
            host_address=address,
            logger=_engine_log,
            channel_options=channel_options,
            data_converter=PlainJson(),
            emit_trace_spans=False,
        )
        self._worker = TaskHubGrpcWorker(
            host_address=address,
            logger=_engine_log,
            channel_options=channel_options,
            data_converter=PlainJson(),
            emit_trace_spans=False,
            concurrency_options=ConcurrencyOptions(
                maximum_concurrent_activity_work_items=self._settings.max_activities,
                maximum_concurrent_orchestration_work_items=self._settings.max_orchestrators,
                maximum_concurrent_entity_work_items=1,
                maximum_thread_pool_workers=self._settings.max_activities + self._settings.max_orchestrators,
            ),
        )
        for function in self._functions:
            if function.trigger == "orchestrationTrigger":
                self._worker._registry.add_named_orchestrator(function.name, self._orchestrator(function))
            elif function.trigger == "activityTrigger":
                self._worker._registry.add_named_activity(function.name, self._activity(function))
        self._worker.start()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Stop everything; blocks until running activities are cancelled. Call it off the host's loop."""
        self._stopping = True
        for running in list(self._running):
            running.cancel()
        self._worker.stop()  # type: ignore[no-untyped-call]
        self._client.close()
        self._backend.stop()
        self._server.stop(grace=None).wait()
        self._backend.reset()  # type: ignore[no-untyped-call]

    @property
    def orchestrators(self) -> frozenset[str]:
        """The names of the app's orchestrators."""
        return frozenset(f.name for f in self._functions if f.trigger == "orchestrationTrigger")

    def start_instance(self, name: str, instance_id: str | None, payload: Any) -> str:
        """Start an instance and return its id; a finished one of the same id is replaced.

        Raises InstanceExistsError if one of this id has not finished.
        """
        policy = pb.OrchestrationIdReusePolicy(replaceableStatus=_FINISHED)
        try:
            return self._client.schedule_new_orchestration(
                name, input=payload, instance_id=instance_id, reuse_id_policy=policy
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.ALREADY_EXISTS:
                raise InstanceExistsError(instance_id) from error
            raise

    def state(self, instance_id: str) -> OrchestrationState | None:
        """The state of one instance, or None."""
        return self._client.get_orchestration_state(instance_id)

    def states(
        self, created_from: datetime | None = None, created_to: datetime | None = None
    ) -> list[OrchestrationState]:
        """All instances created in the given time, oldest first."""
        query = OrchestrationQuery(
            created_time_from=created_from, created_time_to=created_to, fetch_inputs_and_outputs=True
        )
        return self._client.get_all_orchestration_states(query)

    def history(self, instance_id: str) -> list[HistoryEvent]:
        """The events of the present history of an instance."""
        return self._client.get_orchestration_history(instance_id)

    def longest_history(self, instance_id: str) -> int:
        """How many events the history of this instance ever had; continue-as-new begins at zero again."""
        return self._backend.longest_history.get(instance_id, 0)

    def terminate(self, instance_id: str, reason: str) -> None:
        """End an instance; what it called goes on, as in Azure."""
        self._client.terminate_orchestration(instance_id, output=reason, recursive=False)

    def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        """Hand an event to an instance."""
        self._client.raise_orchestration_event(instance_id, name, data=data)

    def purge(self, instance_id: str) -> int:
        """Forget a finished instance; returns how many were forgotten."""
        return self._client.purge_orchestration(instance_id, recursive=False).deleted_instance_count

    def _orchestrator(self, function: IndexedFunction) -> Callable[[task.OrchestrationContext, Any], Any]:
        def orchestrator(context: task.OrchestrationContext, payload: Any) -> Any:
            if self._stopping:  # nothing may run on against half-closed connections
                raise AbandonOrchestrationError
            return run_orchestrator(function.code, LocalOrchestrationContext(context, payload))

        return orchestrator

    def _activity(self, function: IndexedFunction) -> Callable[[task.ActivityContext, Any], Any]:
        def activity(context: task.ActivityContext, payload: Any) -> Any:
            try:
                return self._call(function, payload)
            except Exception as error:
                if not self._stopping:
                    _log.warning("activity %s of %s failed: %s", function.name, context.orchestration_id, error)
                raise

        return activity

    def _call(self, function: IndexedFunction, payload: Any) -> Any:
        if self._stopping:
            raise futures.CancelledError
        arguments = {function.argument: payload}
        if not function.is_async:
            return function.code(**arguments)
        future = asyncio.run_coroutine_threadsafe(function.code(**arguments), self._loop)
        self._running.add(future)
        try:
            return future.result()
        finally:
            self._running.discard(future)
