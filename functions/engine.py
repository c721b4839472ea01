"""What is asked of the durable engine by more than one trigger."""

from __future__ import annotations

import azure.durable_functions as df

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
