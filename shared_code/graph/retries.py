"""Carries the decisions of ``retry_policy.py`` out: waits, or raises what is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import httpx

from shared_code.errors import SourceError
from shared_code.graph.retry_policy import Attempt, GiveUp, Retry, RetryPolicy, Trouble, decide


class Retries:
    """A policy with the clock and the chance that it is carried out by."""

    def __init__(
        self,
        policy: RetryPolicy,
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float],
        chance: Callable[[], float],
    ) -> None:
        self._policy = policy
        self.sleep = sleep
        self.monotonic = monotonic
        self._chance = chance

    def decide(self, attempt: Attempt) -> Retry | GiveUp:
        """What to do after a try."""
        return decide(self._policy, attempt, self._chance())

    async def wait_or_raise(self, attempt: Attempt, final: SourceError, cause: Exception) -> None:
        """Return when it is time for another try; raise ``final`` when there is none."""
        decision = self.decide(attempt)
        if isinstance(decision, Retry):
            await self.sleep(decision.after_s)
            return
        final.context |= {"attempts": attempt.number, "gave_up": decision.why}
        if final is cause:
            raise final
        raise final from cause


def trouble_of(error: Exception) -> Trouble:
    """Whether a request that got no answer can have been carried out."""
    not_sent = (aiohttp.ClientConnectorError, httpx.ConnectError)
    if isinstance(error, not_sent) or isinstance(error.__cause__, not_sent):
        return Trouble.NOT_SENT
    return Trouble.LOST
