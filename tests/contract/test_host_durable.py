"""The local host's durable functions behave as Azure's do, on a small app that uses what the service uses."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from local.host import FunctionsHost
from tests.fakes import toy_function_app as toy

pytestmark = pytest.mark.asyncio(loop_scope="module")

INSTANCES = "/runtime/webhooks/durabletask/instances"


class Host:
    """What a test says to the host over HTTP."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def start(self, name: str, instance_id: str, payload: Any = None) -> tuple[int, str]:
        async with self.http.post(f"/api/orchestrations/{name}/{instance_id}", json=payload) as answer:
            return answer.status, await answer.text()

    async def status(self, instance_id: str) -> dict[str, Any]:
        async with self.http.get(f"{INSTANCES}/{instance_id}") as answer:
            body: dict[str, Any] = await answer.json()
            finished = body["runtimeStatus"] in ("Completed", "Failed", "Terminated")
            assert answer.status == (200 if finished else 202)
            return body

    async def until(self, instance_id: str, *statuses: str, timeout_s: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while True:
            body = await self.status(instance_id)
            if body["runtimeStatus"] in statuses:
                return body
            assert time.monotonic() < deadline, body
            await asyncio.sleep(0.01)

    async def run(self, name: str, instance_id: str, payload: Any = None) -> dict[str, Any]:
        status, text = await self.start(name, instance_id, payload)
        assert status == 202, text
        return await self.until(instance_id, "Completed", "Failed")

    async def post(self, path: str, payload: Any = None) -> int:
        async with self.http.post(f"{INSTANCES}/{path}", json=payload) as answer:
            return answer.status


@pytest.fixture(autouse=True)
def _fresh_counts() -> Iterator[None]:
    toy.reset()
    yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[Host]:
    async with FunctionsHost(toy.app, timers=False) as running, aiohttp.ClientSession(running.url) as http:
        yield Host(http)


async def test_a_thousand_activities_fan_out_and_in_on_one_loop_and_within_the_limit(host: Host) -> None:
    done = await host.run("fan_out", "many", 1000)
    assert done["output"] == 2 * sum(range(1000))
    assert toy.activity_loops == {id(asyncio.get_running_loop())}
    assert 1 <= toy.most_running <= 4  # maxConcurrentActivityFunctions of host.json
    assert done["historyEventCount"] > 2000


async def test_a_sliding_window_sees_every_winner_once(host: Host) -> None:
    done = await host.run("window", "w", 30)
    assert done["output"] == [2 * n for n in range(30)]
    assert toy.most_running <= 3


async def test_the_history_count_is_that_of_the_engine(host: Host) -> None:
    done = await host.run("retrying", "retry-2", {"key": "k", "succeeds_at": 2})
    async with host.http.get(f"{INSTANCES}/retry-2?showHistory=true") as answer:
        events = (await answer.json())["historyEvents"]
    assert done["historyEventCount"] == len(events)
    assert [event["EventType"] for event in events][:2] == ["OrchestratorStarted", "ExecutionStarted"]


async def test_an_activity_that_raises_is_retried_by_its_policy(host: Host) -> None:
    done = await host.run("retrying", "retry-3", {"key": "k", "succeeds_at": 3})
    assert done["output"] == {"succeeded": "succeeded at attempt 3"}
    assert done["customStatus"] == {"phase": "trying"}
    assert toy.calls["k"] == 3


async def test_after_the_last_attempt_the_failure_is_raised_in_the_orchestrator(host: Host) -> None:
    done = await host.run("retrying", "retry-4", {"key": "k", "succeeds_at": 4})
    assert done["output"] == {
        "failed": "Activity function 'flaky' failed: attempt 3 of k",
        "type": "Exception",
    }
    assert toy.calls["k"] == 3


@pytest.mark.parametrize(("activity", "reason"), [("flaky", "attempt 1"), ("unserialisable", "not JSON serializable")])
async def test_a_failure_nobody_catches_fails_the_orchestration(host: Host, activity: str, reason: str) -> None:
    done = await host.run("failing", f"failing-{activity}", activity)
    assert done["runtimeStatus"] == "Failed"
    assert reason in done["output"]


async def test_sub_orchestrations_run_under_their_own_ids(host: Host) -> None:
    done = await host.run("parent", "p", [3, 5])
    assert done["output"][:2] == [6, 20]
    assert "Sub-orchestrator function 'failing' failed" in done["output"][2]
    assert (await host.status("p-1"))["output"] == 20
    assert toy.calls["p-failing"] == 3
    async with host.http.get(f"{INSTANCES}?instanceIdPrefix=p-&runtimeStatus=Completed") as answer:
        assert [one["instanceId"] for one in await answer.json()] == ["p-0", "p-1"]


async def test_continue_as_new_keeps_the_history_short(host: Host) -> None:
    done = await host.run("counting_down", "c", {"left": 40, "seen": []})
    assert done["output"].startswith("[80, 78, 76")
    assert done["historyEventCount"] < 12


async def test_a_running_id_starts_no_second_instance_and_a_finished_one_does(host: Host) -> None:
    assert (await host.start("sleeping", "single", 60))[0] == 202
    await host.until("single", "Running")
    status, text = await host.start("sleeping", "single", 0)
    assert status == 409
    assert "with the status Running already exists" in text
    assert await host.post("single/terminate?reason=enough") == 202
    ended = await host.until("single", "Terminated")
    assert ended["output"] == "enough"
    assert await host.post("single/terminate?reason=again") == 410
    assert (await host.run("sleeping", "single", 0))["output"] == "slept"


async def test_an_event_and_a_timer_race(host: Host) -> None:
    assert (await host.start("event_or_timeout", "timeout", 0.05))[0] == 202
    assert (await host.start("event_or_timeout", "event", 3600))[0] == 202
    assert (await host.until("timeout", "Completed"))["output"] == "timed out"
    await host.until("event", "Running")
    assert await host.post("event/raiseEvent/go", {"by": "me"}) == 202
    done = await host.until("event", "Completed")
    assert done["output"]["event"] == {"by": "me"}
    assert len(done["output"]["uuid"]) == 36


async def test_an_empty_fan_out_gives_none_as_in_azure(host: Host) -> None:
    assert (await host.run("nothing_to_do", "n"))["output"] == "None"


async def test_the_client_reads_status_and_purges(host: Host) -> None:
    await host.run("fan_out", "done", 2)
    async with host.http.get("/api/status/done") as answer:
        seen = await answer.json()
    assert (seen["runtimeStatus"], seen["input"], seen["output"]) == ("Completed", 2, 2)
    assert seen["all"] >= 1
    assert seen["events"] > 5
    async with host.http.delete("/api/instances/done") as answer:
        assert await answer.text() == "1"
    async with host.http.get("/api/status/done") as answer:
        assert answer.status == 404
    assert await host.post("done/raiseEvent/go", 1) == 404


async def test_what_an_earlier_execution_left_under_way_does_not_reach_the_next(host: Host) -> None:
    assert (await host.run("gives_up_early", "again", "first"))["runtimeStatus"] == "Failed"
    done = await host.run("gives_up_early", "again", "second")
    assert (done["runtimeStatus"], done["output"]) == ("Completed", "6 42")


async def test_an_unknown_orchestrator_is_refused(host: Host) -> None:
    status, text = await host.start("echo", "e")
    assert status == 409
    assert "not an orchestrator function" in text


async def test_a_stopped_host_runs_nothing_on() -> None:
    running = FunctionsHost(toy.app, timers=False)
    await running.start()
    async with aiohttp.ClientSession(running.url) as http:
        host = Host(http)
        await host.start("sleeping", "s", 3600)
        deadline = time.monotonic() + 10
        while not toy.calls["slow started"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    began = time.monotonic()
    await running.stop()
    assert time.monotonic() - began < 5
    assert toy.calls["slow cancelled"] == 1
