"""The HTTP management API of Durable Functions over the local engine, and the client binding that speaks it.

The same ``DurableApi.handle`` answers HTTP requests and the ``DurableOrchestrationClient`` that functions are
handed: that is the real class of ``azure.durable_functions``, of which only the transport is replaced.

Starting an id whose instance has not finished answers 409, which ``start_new`` turns into an exception: in
Azure it raises too, with the message "An Orchestration instance with the status Running already exists",
because ``overridableExistingInstanceStates`` is ``NonRunningStates`` by default (the library's docstring,
"silently replaced", is wrong: github.com/Azure/azure-sdk-for-python/issues/28602, checked 2026-11). Finished
instances are replaced.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.durable_functions import DurableOrchestrationClient
from durabletask.client import OrchestrationState, OrchestrationStatus

from local.durable_engine import DurableEngine, InstanceExistsError

_STATUS_NAMES = {
    OrchestrationStatus.RUNNING: "Running",
    OrchestrationStatus.COMPLETED: "Completed",
    OrchestrationStatus.FAILED: "Failed",
    OrchestrationStatus.TERMINATED: "Terminated",
    OrchestrationStatus.CONTINUED_AS_NEW: "ContinuedAsNew",
    OrchestrationStatus.PENDING: "Pending",
    OrchestrationStatus.SUSPENDED: "Suspended",
}
_FINISHED = ("Completed", "Failed", "Terminated")
PREFIX = "/runtime/webhooks/durabletask/"


@dataclass(frozen=True)
class Answer:
    """A status and a JSON body."""

    status: int
    body: Any = None


class DurableApi:
    """Routes ``orchestrators/...`` and ``instances/...`` to the engine."""

    def __init__(self, engine: DurableEngine, base_url: str, hub_name: str) -> None:
        self._engine = engine
        self._base_url = base_url.rstrip("/") + PREFIX
        self._hub_name = hub_name

    def client(self) -> DurableOrchestrationClient:
        """A fresh client object for one invocation."""
        return _LocalClient(self, self._binding())

    def management_urls(self, instance_id: str) -> dict[str, str]:
        """The addresses under which one instance is managed."""
        instance = f"{self._base_url}instances/{instance_id}"
        return {
            "id": instance_id,
            "statusQueryGetUri": instance,
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}",
            "terminatePostUri": f"{instance}/terminate?reason={{text}}",
            "purgeHistoryDeleteUri": instance,
        }

    async def handle(self, method: str, path: str, query: Mapping[str, str], payload: Any) -> Answer:
        """Answer one request; ``path`` is what follows the prefix. Blocking engine calls run in a thread."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match (method, parts):
            case ("POST", ["orchestrators", name]):
                return await asyncio.to_thread(self._start, name, None, payload)
            case ("POST", ["orchestrators", name, instance_id]):
                return await asyncio.to_thread(self._start, name, instance_id, payload)
            case ("GET", ["instances"]):
                return await asyncio.to_thread(self._list, query)
            case ("GET", ["instances", instance_id]):
                return await asyncio.to_thread(self._status, instance_id, query)
            case ("POST", ["instances", instance_id, "terminate"]):
                return await asyncio.to_thread(self._terminate, instance_id, query.get("reason", ""))
            case ("POST", ["instances", instance_id, "raiseEvent", event]):
                return await asyncio.to_thread(self._raise_event, instance_id, event, payload)
            case ("DELETE", ["instances", instance_id]):
                return await asyncio.to_thread(self._purge, instance_id)
        return Answer(404, {"Message": "The local host has no such operation."})

    def _start(self, name: str, instance_id: str | None, payload: Any) -> Answer:
        if name not in self._engine.orchestrators:
            text = f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function."
            return Answer(400, {"Message": text, "ExceptionMessage": text, "ExceptionType": "System.ArgumentException"})
        try:
            started = self._engine.start_instance(name, instance_id, payload)
        except InstanceExistsError:
            state = self._engine.state(instance_id or "")
            status = _STATUS_NAMES[state.runtime_status] if state else "Running"
            text = f"An Orchestration instance with the status {status} already exists."
            return Answer(
                409,
                {
                    "Message": text,
                    "ExceptionMessage": text,
                    "ExceptionType": "OrchestrationAlreadyExistsException",
                },
            )
        return Answer(202, self.management_urls(started))

    def _status(self, instance_id: str, query: Mapping[str, str]) -> Answer:
        state = self._engine.state(instance_id)
        if state is None:
            return Answer(404)
        body = self._describe(state, show_input=_flag(query, "showInput", default=True))
        if _flag(query, "showHistory"):
            body["historyEvents"] = [
                {"EventType": type(event).__name__.removesuffix("Event"), "Timestamp": _time(event.timestamp)}
                for event in self._engine.history(instance_id)
            ]
        if body["runtimeStatus"] == "Failed" and _flag(query, "returnInternalServerErrorOnFailure"):
            return Answer(500, body)
        return Answer(200 if body["runtimeStatus"] in _FINISHED else 202, body)

    def _list(self, query: Mapping[str, str]) -> Answer:
        states = self._engine.states(_moment(query.get("createdTimeFrom")), _moment(query.get("createdTimeTo")))
        wanted = {name for name in query.get("runtimeStatus", "").split(",") if name}
        prefix = query.get("instanceIdPrefix", "")
        show_input = _flag(query, "showInput", default=True)
        found = [self._describe(state, show_input) for state in states if state.instance_id.startswith(prefix)]
        chosen = [body for body in found if not wanted or body["runtimeStatus"] in wanted]
        return Answer(200, chosen[: int(query["top"])] if query.get("top", "").isdigit() else chosen)

    def _terminate(self, instance_id: str, reason: str) -> Answer:
        found = self._unfinished(instance_id)
        if found.status == 202:
            self._engine.terminate(instance_id, reason)
        return found

    def _raise_event(self, instance_id: str, event: str, payload: Any) -> Answer:
        found = self._unfinished(instance_id)
        if found.status == 202:
            self._engine.raise_event(instance_id, event, payload)
        return found

    def _purge(self, instance_id: str) -> Answer:
        deleted = self._engine.purge(instance_id)
        return Answer(200 if deleted else 404, {"instancesDeleted": deleted})

    def _unfinished(self, instance_id: str) -> Answer:
        state = self._engine.state(instance_id)
        if state is None:
            return Answer(404)
        return Answer(410 if _STATUS_NAMES[state.runtime_status] in _FINISHED else 202)

    def _describe(self, state: OrchestrationState, show_input: bool) -> dict[str, Any]:
        output = state.get_output()
        if state.failure_details is not None:
            output = f"Orchestrator function '{state.name}' failed: {state.failure_details.message}"
        return {
            "name": state.name,
            "instanceId": state.instance_id,
            "runtimeStatus": _STATUS_NAMES[state.runtime_status],
            "input": state.get_input() if show_input else None,
            "customStatus": state.get_custom_status(),
            "output": output,
            "createdTime": _time(state.created_at),
            "lastUpdatedTime": _time(state.last_updated_at),
            "historyEventCount": self._engine.longest_history(state.instance_id),
        }

    def _binding(self) -> str:
        urls = self.management_urls("INSTANCEID")
        return json.dumps(
            {
                "taskHubName": self._hub_name,
                "creationUrls": {"createNewInstancePostUri": f"{self._base_url}orchestrators/{{functionName}}"},
                "managementUrls": urls,
                "rpcBaseUrl": self._base_url,
            }
        )


class _LocalClient(DurableOrchestrationClient):  # type: ignore[misc]  # the library is untyped
    """The library's client with its three transport functions led to the engine in this process."""

    def __init__(self, api: DurableApi, binding: str) -> None:
        super().__init__(binding)
        self._api = api
        self._post_async_request = self._post
        self._get_async_request = self._get
        self._delete_async_request = self._delete

    async def _post(self, url: str, data: str | None = None, *trace: Any, **more: Any) -> list[Any]:
        # The library hands over JSON text, or nothing.
        return await self._send("POST", url, None if data is None else json.loads(data))

    async def _get(self, url: str, *trace: Any, **more: Any) -> list[Any]:
        return await self._send("GET", url, None)

    async def _delete(self, url: str, *trace: Any, **more: Any) -> list[Any]:
        return await self._send("DELETE", url, None)

    async def _send(self, method: str, url: str, payload: Any) -> list[Any]:
        parts = urlsplit(url)
        answer = await self._api.handle(method, parts.path.removeprefix(PREFIX), dict(parse_qsl(parts.query)), payload)
        # The library builds the status object from keywords, and an empty one means "no such instance".
        body = {} if answer.body is None else answer.body
        if isinstance(body, dict):
            body = {("history" if key == "historyEvents" else key): value for key, value in body.items()}
        return [answer.status, body]


def _flag(query: Mapping[str, str], name: str, default: bool = False) -> bool:
    text = query.get(name)
    return default if text is None else text.lower() == "true"


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _time(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")
