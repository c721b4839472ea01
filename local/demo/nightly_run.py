"""A backup run: started over HTTP, watched, told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.demo.failures import DemoError
from local.demo.figures import count_text, counted, seconds_text, size_text
from local.demo.narrator import Narrator
from local.demo.request_counts import RequestCounts, requests_since
from local.demo.service_api import ServiceApi
from local.demo.waiting import watch
from local.tenant.control.client import TenantControl


@dataclass(frozen=True)
class FinishedRun:
    """What the API says of a run that has ended, what it asked of the tenant, and how long it took."""

    run: dict[str, Any]
    requests: RequestCounts
    seconds: float

    def count(self, name: str) -> int:
        """One of the run's counts."""
        return int(self.run["counts"][name])


def back_up(api: ServiceApi, control: TenantControl, narrator: Narrator, check: Callable[[], None]) -> FinishedRun:
    """Start a run and wait until it has ended. Raises DemoError when something of it failed."""
    position = control.log_position()
    started = time.monotonic()
    run_id = api.start_run()
    with narrator.bar("Backing up") as bar:

        def show(run: dict[str, Any]) -> None:
            done = sum(resource["state"] != "running" for resource in run["resources"])
            bar.show(done, len(run["resources"]), "mailboxes, OneDrives, sites and teams")

        run = watch(lambda: api.run(run_id), show, check, "The nightly run")
    seconds = time.monotonic() - started
    if run["state"] != "complete":
        raise DemoError(f"The run ended {run['state']}: {_trouble(run)}")
    return FinishedRun(run, requests_since(control, position), seconds)


def show_protected(narrator: Narrator, finished: FinishedRun) -> None:
    """A table of what the first run stored."""
    rows = [
        (
            str(resource["display_name"]),
            str(resource["kind"]),
            str(resource["state"]),
            count_text(resource["counts"]["stored"]),
            size_text(resource["counts"]["read_bytes"]),
            size_text(resource["counts"]["written_bytes"]),
        )
        for resource in sorted(finished.run["resources"], key=_whose)
    ]
    narrator.table(("whose", "what", "state", "items", "read", "stored"), rows, left=3)
    narrator.say(
        f"{counted(finished.count('stored'), 'item')} in {seconds_text(finished.seconds)}: "
        f"{size_text(finished.count('read_bytes'))} read, {size_text(finished.count('written_bytes'))} stored "
        "(compressed, nothing twice)."
    )
    if not finished.run["immutable"]:
        narrator.say(
            "NOT IMMUTABLE (local store): the emulator knows no WORM. In Azure the service refuses such a store.",
            "bold yellow",
        )


def show_difference(narrator: Narrator, first: FinishedRun, second: FinishedRun) -> None:
    """A table of the second run beside the first."""
    pairs = (
        ("items fetched and stored", count_text(first.count("stored")), count_text(second.count("stored"))),
        ("items moved or renamed, not fetched", count_text(first.count("reused")), count_text(second.count("reused"))),
        ("items noted as deleted", count_text(first.count("deleted")), count_text(second.count("deleted"))),
        ("read", size_text(first.count("read_bytes")), size_text(second.count("read_bytes"))),
        ("stored", size_text(first.count("written_bytes")), size_text(second.count("written_bytes"))),
        ("requests to the tenant", count_text(first.requests.requests), count_text(second.requests.requests)),
        ("mail and file contents fetched", count_text(first.requests.content), count_text(second.requests.content)),
        ("time", seconds_text(first.seconds), seconds_text(second.seconds)),
    )
    narrator.table(("", "first run", "second run"), pairs)


def _whose(resource: dict[str, Any]) -> tuple[str, str]:
    return str(resource["display_name"]), str(resource["kind"])


def _trouble(run: dict[str, Any]) -> str:
    failed = [
        f"{resource['resource_id']}: {resource['error'] or resource['state']}"
        for resource in run["resources"]
        if resource["state"] not in ("complete", "running")
    ]
    return "; ".join(([run["error"]] if run["error"] else []) + failed[:3]) or "the API names no cause"
