"""Watching something that the service does until it has ended."""

import time
from collections.abc import Callable
from typing import Any

from local.demo.failures import DemoError

POLL_S = 0.2
STALLED_S = 180.0


def watch(
    ask: Callable[[], dict[str, Any]],
    show: Callable[[dict[str, Any]], None],
    check: Callable[[], None],
    what: str,
) -> dict[str, Any]:
    """Ask again and again, show each answer, and return the first whose ``state`` is not ``running``.

    Raises what ``check`` raises (a service has died), and DemoError when nothing has moved for three minutes.
    """
    last: dict[str, Any] = {}
    moved = time.monotonic()
    while True:
        answer = ask()
        show(answer)
        if answer["state"] != "running":
            return answer
        if answer != last:
            last, moved = answer, time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise DemoError(f"{what} has not moved for {STALLED_S:.0f} s; the log of the functions host may say why.")
        check()
        time.sleep(POLL_S)
