"""Timer triggers: one task a function, which sleeps until the next firing by the handed clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.functions.timer import TimerRequest

from local.host_index import AppError, IndexedFunction
from local.host_settings import resolve_settings
from local.ncrontab import Schedule, ScheduleError, parse_schedule

_log = logging.getLogger("local.host.timer")
_LONGEST_SLEEP_S = 30.0  # a laptop that slept, or a clock that was set, is noticed within this time

Fire = Callable[[IndexedFunction, func.TimerRequest], Awaitable[Any]]


class TimerLoop:
    """Fires the timers of an app. Firings of one function never overlap, as in Azure."""

    def __init__(
        self,
        functions: tuple[IndexedFunction, ...],
        fire: Fire,
        clock: Callable[[], datetime],
        environment: Mapping[str, str],
    ) -> None:
        timers = [function for function in functions if function.trigger == "timerTrigger"]
        self._timers = [(one, _schedule(one, environment)) for one in timers]
        self._fire = fire
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to fire."""
        self._tasks = [asyncio.create_task(self._run(function, schedule)) for function, schedule in self._timers]

    async def stop(self) -> None:
        """Fire no more; a function that is running is cancelled."""
        for running in self._tasks:
            running.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, function: IndexedFunction, schedule: Schedule) -> None:
        if function.run_on_startup:
            await self._fire_once(function, past_due=False)
        due = schedule.next_after(self._clock())
        while True:
            wait_s = (due - self._clock()).total_seconds()
            if wait_s > 0:
                await asyncio.sleep(min(wait_s, _LONGEST_SLEEP_S))
                continue
            await self._fire_once(function, past_due=wait_s < -1)
            due = schedule.next_after(max(due, self._clock()))

    async def _fire_once(self, function: IndexedFunction, past_due: bool) -> None:
        try:
            await self._fire(function, timer_request(past_due))
        except Exception:  # noqa: BLE001 - the host outlives its functions; Azure repeats no failed timer either
            _log.exception("timer %s failed", function.name)


def _schedule(function: IndexedFunction, environment: Mapping[str, str]) -> Schedule:
    try:
        return parse_schedule(resolve_settings(function.schedule, environment))
    except ScheduleError as error:
        raise AppError(f"timer {function.name!r}: {error}") from error


def timer_request(past_due: bool) -> func.TimerRequest:
    """What a timer function is handed."""
    return TimerRequest(past_due=past_due)
