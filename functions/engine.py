"""What is asked of the durable engine by more than one trigger."""

from __future__ import annotations

import json
import re

import azure.durable_functions as df

_MOST_CHARACTERS = 1000
_ACTIVITY = re.compile(r"\A\s*Activity function '[^'\n]*' failed:")
_RAISED = "Exception: "
_CLASS = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.]*: ")
_UNDER_WAY = (
    df.OrchestrationRuntimeStatus.Running,
    df.OrchestrationRuntimeStatus.Pending,
    df.OrchestrationRuntimeStatus.Suspended,
    df.OrchestrationRuntimeStatus.ContinuedAsNew,
)


async def is_under_way(client: df.DurableOrchestrationClient, instance_id: str) -> bool:
    """Whether the engine runs an orchestration of that id, or is about to."""
    status = await client.get_status(instance_id)
    return bool(status) and status.runtime_status in _UNDER_WAY


def reason_of(error: Exception) -> str:
    """What may be recorded of an orchestration's error: the message that an activity raised, in one line. The platform
    wraps it: the activity's name in front; then the message itself, or JSON that holds it, or the Python worker's lines
    of result, exception and stack trace, which is nobody's business outside (Azure/azure-functions-durable-extension,
    issue 2990, checked 2026-11)."""
    return _unwrapped(str(error))[:_MOST_CHARACTERS] or "unknown"


def _unwrapped(text: str) -> str:
    lines = [line.strip() for line in _ACTIVITY.sub("", text).splitlines() if line.strip()]
    for line in lines:
        if line.startswith("{"):
            try:
                inner = json.loads(line).get("Message")
            except (ValueError, RecursionError):
                continue
            if isinstance(inner, str):
                return _unwrapped(inner)
    raised = next((line for line in lines if line.startswith(_RAISED)), None)
    if raised is not None:
        return _CLASS.sub("", raised.removeprefix(_RAISED))
    return lines[0] if lines else ""
