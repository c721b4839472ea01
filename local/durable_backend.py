"""The in-memory backend of ``durabletask.testing``, with two things added that Azure's storage providers have.

It counts how long every history became. And it keeps executions apart: the library delivers what an activity, a
timer or a sub-orchestration of an *earlier* execution of the same instance id brings (one that was terminated, that
failed with work in flight, or that continued as new) to the present one, as the result of whatever task has
the same number there. Azure tells them apart by execution ids; here such strays are taken out.

Reads a few private parts of the library, which is therefore pinned to an exact version.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import grpc  # type: ignore[import-untyped]
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing import InMemoryOrchestrationBackend

_MAX_HISTORY_EVENTS = 100_000  # far above what is sound, so that a test can see how far above
_TASK_FAMILY = {
    "taskCompleted": "taskScheduled",
    "taskFailed": "taskScheduled",
    "subOrchestrationInstanceCompleted": "subOrchestrationInstanceCreated",
    "subOrchestrationInstanceFailed": "subOrchestrationInstanceCreated",
}
_FINISHED = (
    pb.ORCHESTRATION_STATUS_COMPLETED,
    pb.ORCHESTRATION_STATUS_FAILED,
    pb.ORCHESTRATION_STATUS_TERMINATED,
)

logging.getLogger("durabletask.testing").setLevel(logging.WARNING)  # it tells of every turn


_LONGEST_WAIT_S = 7 * 86_400.0


class CheckedBackend(InMemoryOrchestrationBackend):
    """Counts history events and drops strays; see the module."""

    def __init__(self) -> None:
        super().__init__(max_history_size=_MAX_HISTORY_EVENTS)
        self._dispatched: dict[str, int] = {}
        self._first_tokens: dict[str, int] = {}
        self.longest_history: dict[str, int] = {}

    def _wait_for_state(self, instance_id: str, predicate: Any, timeout: float | None) -> Any:
        """Wait for a sub-orchestration as long as it takes; the library gives up after 30 s and forgets it."""
        return super()._wait_for_state(instance_id, predicate, timeout or _LONGEST_WAIT_S)

    def GetWorkItems(  # noqa: N802 - the name of the gRPC method
        self, request: pb.GetWorkItemsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WorkItem]:
        """Hand out work; the events of an orchestrator's turn are checked first."""
        for item in super().GetWorkItems(request, context):
            if item.HasField("orchestratorRequest"):
                work = item.orchestratorRequest
                if not work.pastEvents:  # a new execution; its activities bear this token or a later one
                    self._first_tokens[work.instanceId] = int(item.completionToken)
                self._drop_strays(work)
                self._dispatched[work.instanceId] = len(work.pastEvents) + len(work.newEvents)
            yield item

    def CompleteActivityTask(  # noqa: N802 - the name of the gRPC method
        self, request: pb.ActivityResponse, context: grpc.ServicerContext
    ) -> pb.CompleteTaskResponse:
        """Take an activity's result, unless an earlier execution asked for it."""
        if int(request.completionToken) < self._first_tokens.get(request.instanceId, 0):
            return pb.CompleteTaskResponse()
        return super().CompleteActivityTask(request, context)

    def CompleteOrchestratorTask(  # noqa: N802 - the name of the gRPC method
        self, request: pb.OrchestratorResponse, context: grpc.ServicerContext
    ) -> pb.CompleteTaskResponse:
        """Take the outcome of a turn, and count."""
        # One event for each thing scheduled, one that closes the turn, one more when that was the last turn.
        ends = sum(1 for action in request.actions if action.HasField("completeOrchestration"))
        events = self._dispatched.get(request.instanceId, 0) + len(request.actions) - ends + 1 + ends
        self.longest_history[request.instanceId] = max(events, self.longest_history.get(request.instanceId, 0))
        try:
            return super().CompleteOrchestratorTask(request, context)
        finally:
            # An event that came during the turn is queued without a signal: it would wait for a poll (0.1 s).
            self._work_available.set()

    def _drop_strays(self, work: pb.OrchestratorRequest) -> None:
        asked = {(event.WhichOneof("eventType"), event.eventId): event for event in work.pastEvents}
        kept = [event for event in work.newEvents if self._belongs(event, asked)]
        if len(kept) == len(work.newEvents):
            return
        del work.newEvents[:]
        work.newEvents.extend(kept)
        with self._lock:
            instance = self._instances.get(work.instanceId)
            if instance is not None:  # from here the turn's events will go into the history
                instance.dispatched_events = kept

    def _belongs(self, event: pb.HistoryEvent, asked: Mapping[tuple[str, int], pb.HistoryEvent]) -> bool:
        """Whether this execution has asked for what ``event`` brings."""
        kind = event.WhichOneof("eventType")
        if kind == "timerFired":
            fired = event.timerFired
            created = asked.get(("timerCreated", fired.timerId))
            return created is not None and created.timerCreated.fireAt == fired.fireAt
        family = _TASK_FAMILY.get(kind or "")
        if family is None:
            return True
        scheduled = asked.get((family, getattr(event, kind).taskScheduledId))
        if scheduled is None or family == "taskScheduled":
            return scheduled is not None
        if kind == "subOrchestrationInstanceFailed":
            return True  # may also say that it could not be started
        child = self._instances.get(scheduled.subOrchestrationInstanceCreated.instanceId)
        return child is not None and child.status in _FINISHED
