"""The simulator's limits: off until they are asked for, then as documented, each request of a batch on its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from local.tenant.answers import GraphError
from local.tenant.clock import parse_time
from local.tenant.server import RunningServer, start

SECRET = "s3cret-of-the-test"
NOW = "2026-11-20T10:00:00Z"


class _Asker:
    """One tenant with one person, and an app that asks."""

    def __init__(self, server: RunningServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session

    async def control(self, method: str, path: str, body: Any = None) -> Any:
        async with self.session.request(method, f"{self.server.url}/_control/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def prepare(self, **settings: Any) -> None:
        tenant = await self.control("POST", "tenants", {"secret": SECRET, "settings": {"limits": True, **settings}})
        self.tenant = tenant["id"]
        await self.clock(now=NOW, frozen=True)
        self.person = await self.control("POST", f"tenants/{self.tenant}/users", {"display_name": "Ada"})
        form = {
            "grant_type": "client_credentials",
            "client_id": "backup-app",
            "client_secret": SECRET,
            "scope": "https://graph.microsoft.com/.default",
        }
        async with self.session.post(f"{self.server.url}/{self.tenant}/oauth2/v2.0/token", data=form) as answer:
            token = (await answer.json())["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    async def clock(self, **change: Any) -> None:
        await self.control("POST", f"tenants/{self.tenant}/clock", change)

    async def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any, Any]:
        url = f"{self.server.url}/v1.0{path}"
        async with self.session.request(method, url, headers=self.headers, json=body) as answer:
            return answer.status, answer.headers, await answer.json(content_type=None)

    async def spend(self, path: str, times: int) -> list[int]:
        """Statuses of many requests, asked for in batches."""
        statuses: list[int] = []
        for begin in range(0, times, 20):
            requests = [{"id": str(number), "method": "GET", "url": path} for number in range(min(20, times - begin))]
            _, _, body = await self.ask("/$batch", "POST", {"requests": requests})
            statuses += [int(response["status"]) for response in body["responses"]]
        return statuses

    async def limits(self) -> Any:
        return await self.control("GET", f"tenants/{self.tenant}/limits")


@pytest.fixture
async def asker() -> AsyncIterator[_Asker]:
    async with await start() as server, aiohttp.ClientSession() as session:
        yield _Asker(server, session)


async def test_nothing_is_refused_unless_limits_are_on(asker: _Asker) -> None:
    await asker.prepare(limits=False)
    assert set(await asker.spend(f"/drives/{asker.person['drive_id']}/root", 1300)) == {200}
    assert (await asker.limits())["counted"] == 0


async def test_resource_units_of_a_minute_run_out_and_come_back(asker: _Asker) -> None:
    await asker.prepare()
    root = f"/drives/{asker.person['drive_id']}/root"
    assert set(await asker.spend(root, 990)) == {200}
    status, headers, _ = await asker.ask(root)
    assert (status, "RateLimit-Limit" in headers) == (200, False)
    await asker.spend(root, 9)
    _, headers, _ = await asker.ask(root)
    assert (headers["RateLimit-Limit"], headers["RateLimit-Remaining"]) == ("1250", "249")
    assert set(await asker.spend(root, 249)) == {200}
    await asker.clock(advance_s=20)
    status, headers, body = await asker.ask(root)
    assert (status, headers["Retry-After"], body["error"]["code"]) == (429, "40", "activityLimitReached")
    # Throttled requests count: whoever goes on finds the service busy.
    assert set(await asker.spend(root, 620)) == {429}
    assert (await asker.ask(root))[0] in (429, 503)
    await asker.clock(advance_s=41)
    assert (await asker.ask(root))[0] == 200
    assert (await asker.limits())["refused"]["files.minute"] >= 622


async def test_each_request_of_a_batch_is_refused_on_its_own(asker: _Asker) -> None:
    await asker.prepare()
    root = f"/drives/{asker.person['drive_id']}/root"
    await asker.spend(root, 1245)
    requests = [{"id": str(number), "method": "GET", "url": root} for number in range(8)]
    requests.append({"id": "me", "method": "GET", "url": f"/users/{asker.person['id']}"})
    status, _, body = await asker.ask("/$batch", "POST", {"requests": requests})
    inner = {response["id"]: response for response in body["responses"]}
    assert status == 200
    assert [inner[str(number)]["status"] for number in range(8)] == [200] * 5 + [429] * 3
    assert inner["7"]["headers"]["Retry-After"] == "60"
    assert inner["me"]["status"] == 200


@pytest.mark.parametrize(("licences", "most"), [(1_000, 1_250), (1_001, 2_500)])
async def test_more_licences_allow_more(asker: _Asker, licences: int, most: int) -> None:
    await asker.prepare(licences=licences)
    # A list of children costs 2.
    statuses = await asker.spend(f"/drives/{asker.person['drive_id']}/root/children", most // 2 + 1)
    assert (statuses.count(200), statuses.count(429)) == (most // 2, 1)


async def test_a_mailbox_takes_four_at_once_however_it_is_asked_for(asker: _Asker) -> None:
    await asker.prepare(request_duration_s=0.2)
    await asker.control("POST", f"tenants/{asker.tenant}/clock", {"speed": 1})
    by_user = f"/users/{asker.person['id']}/mailFolders/inbox"
    by_mailbox = f"/admin/exchange/mailboxes/{asker.person['mailbox_id']}/folders/delta"
    answers = await asyncio.gather(*(asker.ask(path) for path in [by_user, by_mailbox] * 3))
    statuses = sorted(status for status, _, _ in answers)
    assert statuses == [200] * 4 + [429] * 2
    refused = next(headers for status, headers, _ in answers if status == 429)
    assert float(refused["Retry-After"]) > 0
    found = await asker.limits()
    assert (found["most_at_once"], found["refused"]) == (4, {"mailbox.concurrency": 2})
    assert set(await asker.spend(by_user, 20)) == {200}


async def test_a_mailbox_takes_10000_requests_in_ten_minutes_and_others_are_not_concerned(asker: _Asker) -> None:
    await asker.prepare()
    other = await asker.control("POST", f"tenants/{asker.tenant}/users", {"display_name": "Bea"})
    path = f"/users/{asker.person['id']}/mailboxSettings"
    statuses = await asker.spend(path, 10_020)
    assert statuses.count(429) == 20
    assert (await asker.ask(f"/users/{other['id']}/mailboxSettings"))[0] == 200
    await asker.clock(advance_s=601)
    assert (await asker.ask(path))[0] == 200


async def test_the_clock_can_run_faster(asker: _Asker) -> None:
    await asker.prepare()
    await asker.clock(now=NOW, frozen=False, speed=600)
    root = f"/drives/{asker.person['drive_id']}/root"
    clock = asker.server.state.tenants[asker.tenant].clock
    begin = clock.epoch_s()
    await asyncio.sleep(0.11)
    assert clock.epoch_s() - begin > 60
    assert (await asker.ask(root))[0] == 200


async def test_the_clock_can_be_stopped_where_it_is(asker: _Asker) -> None:
    await asker.prepare()
    await asker.clock(now=NOW, frozen=False)
    clock = asker.server.state.tenants[asker.tenant].clock
    await asker.clock(frozen=True)
    stopped = clock.epoch_s()
    assert 0 <= stopped - parse_time(NOW).timestamp() < 60
    await asyncio.sleep(0.01)
    assert clock.epoch_s() == stopped


async def _admit(asker: _Asker, path: str, method: str = "GET", body: bytes = b"") -> int:
    """The status that the limits alone give a request, whether or not anything is served there."""
    tenant = asker.server.state.tenants[asker.tenant]
    call = asker.server.state.make_call(asker.server.url, method, f"/v1.0{path}", {}, body)
    call.tenant, call.app_id = tenant, "backup-app"
    try:
        async with tenant.limits.admission(call):
            return 200
    except GraphError as error:
        assert int(error.headers["Retry-After"]) >= 1
        return error.status


@pytest.mark.parametrize(
    ("paths", "most"),
    [
        (["/teams/t1/channels/c1/messages"], 1),
        ([f"/teams/t1/channels/c{number}/messages/m/replies" for number in range(9)], 4),
        ([f"/teams/t{number}/channels/c{number}/messages/delta" for number in range(30)], 20),
        ([f"/teams/t{number}/channels" for number in range(40)], 30),
        (["/teams/t1/channels/getAllMessages"], 200),
        (["/users?$select=id"], 3_500),
        (["/drives/d/items/i/permissions"], 250),
    ],
)
async def test_each_service_takes_what_is_documented(asker: _Asker, paths: list[str], most: int) -> None:
    await asker.prepare()
    statuses = [await _admit(asker, paths[number % len(paths)]) for number in range(most + len(paths) + 5)]
    assert statuses.count(200) == most
    assert set(statuses) <= {200, 429, 503}


async def test_a_mailbox_takes_150_mb_in_five_minutes(asker: _Asker) -> None:
    await asker.prepare()
    path, body = f"/users/{asker.person['id']}/messages", bytes(40_000_000)
    assert [await _admit(asker, path, "POST", body) for _ in range(4)] == [200, 200, 200, 429]
    assert await _admit(asker, path, "GET") == 200
    await asker.clock(advance_s=301)
    assert await _admit(asker, path, "POST", body) == 200
