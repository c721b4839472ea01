"""Many calls of an orchestrator, a few of them in flight at a time."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

ATTEMPTS = 3


def window(
    context: df.DurableOrchestrationContext, call: Any, calls: list[tuple[str, Any]], width: int
) -> Generator[Any, Any, list[Any]]:
    """Make these calls, ``width`` of them in flight at any time; a call that fails is made again, up to three times.
    Returns the results in the order in which they came. Raises when one fails for good."""
    waiting = [(name, payload, 1) for name, payload in reversed(calls)]
    active: dict[Any, tuple[str, Any, int]] = {}
    results: list[Any] = []
    while waiting or active:
        while waiting and len(active) < width:
            entry = waiting.pop()
            active[call(entry[0], entry[1])] = entry
        winner = yield context.task_any(list(active))
        name, payload, attempt = active.pop(winner)
        if not isinstance(winner.result, Exception):
            results.append(winner.result)
        elif attempt < ATTEMPTS:
            waiting.append((name, payload, attempt + 1))
        else:
            raise RuntimeError(f"{name} failed {ATTEMPTS} times: {winner.result}")
    return results
