"""The HTTP surface of restores and their orchestrator, run on the local host against vault, journal and
target in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import azure.durable_functions as df
import pytest
import pytest_asyncio

from functions import browse, restore_work
from functions import restore as restore_functions
from local.host import FunctionsHost
from shared_code.errors import (
    AccessDeniedError,
    CustomerNotFoundError,
    IntegrityError,
    SourceUnavailableError,
    ThrottledError,
)
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.restore import Restore, RestoreRequest, RestoreState, Selection
from shared_code.model.snapshot import Snapshot
from shared_code.model.write_back import RestoreItem, Written
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.restore.starting import record_once
from tests.fakes.restore_world import (
    MAILBOX,
    START,
    Catalog,
    Crashes,
    MemoryArchive,
    MemoryJournal,
    MemoryTarget,
    MemoryTargetSession,
    Ticking,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

app = df.DFApp()
app.register_functions(browse.bp)
app.register_functions(restore_functions.bp)
app.register_functions(restore_work.bp)

CUSTOMER = Customer("acme", "Acme", "11111111-2222-3333-4444-555555555555")
EVERYTHING = {"resource": MAILBOX.id, "seq": 1, "selection": {"everything": True}}


class _Customers:
    async def get(self, customer_id: str) -> Customer:
        if customer_id == "other":
            return Customer("other", "Other", CUSTOMER.tenant_id)
        if customer_id != CUSTOMER.id:
            raise CustomerNotFoundError("There is no such customer.")
        return CUSTOMER

    async def all(self) -> list[Customer]:
        return [CUSTOMER]


class _GatedTarget(MemoryTarget):
    """Writes nothing while its gate is closed."""

    def __init__(self, crashes: Crashes) -> None:
        super().__init__(crashes)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    def open(self, resource: Resource) -> MemoryTargetSession:
        super().open(resource)
        return _GatedSession(self)


class _GatedSession(MemoryTargetSession):
    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        target = self._target
        assert isinstance(target, _GatedTarget)
        target.reached.set()
        await target.gate.wait()
        async for written in super().write(items):
            yield written


class _BreakingArchive(MemoryArchive):
    """Raises what it is told to when a slice opens the catalog; the check of the request opens it first."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__({1: catalog})
        self.trouble: list[Exception] = []
        self.damaged: set[int] = set()

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        if seq in self.damaged:
            raise IntegrityError("The record is damaged.")
        return await super().snapshot(resource_id, seq)

    async def open_reader(self, segments: Any) -> Any:
        if self.readers and self.trouble:
            raise self.trouble.pop()
        return await super().open_reader(segments)


@dataclass
class _World:
    archive: _BreakingArchive
    journal: MemoryJournal
    target: _GatedTarget
    http: aiohttp.ClientSession
    customers: _Customers
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    @property
    def restore_journal(self) -> MemoryJournal:
        return self.journal

    def now(self) -> datetime:
        return START

    def restores(self, customer: Customer) -> Restores:
        archive = self.archive if customer is CUSTOMER else MemoryArchive({})
        budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=1)
        return Restores(archive, {ResourceKind.MAILBOX: self.target}, self.journal, budget, Ticking(), self.gate)

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"/api/customers/{path}") as reply:
            text = await reply.text()
            assert text.isascii()
            return reply.status, json.loads(text)

    async def post(self, body: Any, customer: str = "acme", key: str | None = None) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, str) else json.dumps(body)
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.http.post(f"/api/customers/{customer}/restores", data=data, headers=headers) as reply:
            answer = await reply.json(content_type=None)
            assert reply.headers.get("Location") == answer.get("status_url")
            return reply.status, answer

    async def cancel(self, restore_id: str, body: str = "") -> tuple[int, dict[str, Any]]:
        async with self.http.post(f"/api/customers/acme/restores/{restore_id}/cancel", data=body) as reply:
            return reply.status, await reply.json(content_type=None)

    async def died_before_its_start(self, started_at: datetime = START) -> str:
        """A restore of everything that is recorded, and whose host died before it told the engine."""
        request = RestoreRequest(f"restore-acme-{uuid4().hex}", "acme", MAILBOX.id, 1, Selection(everything=True))
        await record_once(self.journal, Restore(request, RestoreState.RUNNING, started_at), None)
        return request.id

    async def ended(self, status_url: str) -> dict[str, Any]:
        for _ in range(600):
            status, body = await self.get(status_url.removeprefix("/api/customers/"))
            assert status == 200
            if body["state"] != "running":
                return dict(body)
            await asyncio.sleep(0.05)
        raise AssertionError("the restore does not end")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with FunctionsHost(app, timers=False) as host, aiohttp.ClientSession(host.url) as session:
        yield session


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, http: aiohttp.ClientSession) -> _World:
    catalog = Catalog()
    catalog.folder("inbox", "In\u00e9box \U0001f600")
    for number in range(7):
        catalog.item(f"m{number}", b"%d" % number, "inbox")
    monkeypatch.setattr("shared_code.restore.slice.BATCH_ITEMS", 1)
    monkeypatch.setattr(restore_work, "_FIRST_WAIT_MS", 1)
    crashes = Crashes()
    made = _World(_BreakingArchive(catalog), MemoryJournal(crashes), _GatedTarget(crashes), http, _Customers())
    for module in (browse, restore_functions, restore_work):
        monkeypatch.setattr(module, "application", lambda: made)
    return made


async def test_from_looking_to_the_verdict(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_work, "SLICES_IN_HISTORY", 3)  # goes on as a new orchestration twice and more
    status, listed = await world.get(f"acme/resources/{MAILBOX.id}/snapshots")
    assert (status, [entry["seq"] for entry in listed["snapshots"]]) == (200, [1])
    status, top = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items")
    assert [(entry["id"], entry["is_folder"]) for entry in top["items"]] == [("inbox", True)]
    assert top["items"][0]["name"] == "In\u00e9box \U0001f600"
    status, page = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items?parent=inbox&limit=5")
    assert (page["path"], len(page["items"])) == ([{"id": "inbox", "name": "In\u00e9box \U0001f600"}], 5)
    token = page["next_token"]
    status, rest = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items?parent=inbox&token={token}")
    assert (len(rest["items"]), rest["next_token"]) == (2, "")

    status, started = await world.post(EVERYTHING)
    assert status == 202
    assert started["restore_id"].startswith("restore-acme-")
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["counts"]["restored"], ended["error"]) == ("complete", 7, "")
    assert ended["request"]["selection"]["everything"] is True
    assert sorted(data for _, _, data in world.target.contents) == [b"%d" % number for number in range(7)]
    status, listed = await world.get("acme/restores")
    assert [entry["restore_id"] for entry in listed["restores"]] == [started["restore_id"]]


@pytest.mark.parametrize(("refusals", "state", "restored"), [(6, "complete", 7), (9, "failed", 0)])
async def test_a_restore_that_is_put_off_waits_and_goes_on(
    world: _World, monkeypatch: pytest.MonkeyPatch, refusals: int, state: str, restored: int
) -> None:
    monkeypatch.setattr(restore_work, "SLICES_IN_HISTORY", 4)  # the waits are counted over its seams
    monkeypatch.setattr(restore_work, "_LEAST_WAIT_S", 0.02)
    monkeypatch.setattr(restore_work, "_MOST_WAIT_S", 0.05)
    monkeypatch.setattr(restore_work, "_MOST_WAITS", 8)
    world.archive.trouble = [ThrottledError("slow down", 1e9)] * refusals
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["counts"]["restored"]) == (state, restored)
    assert bool(ended["error"]) is (state == "failed")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resource": None}, "JSON string"),
        ({"resource": ...}, "'resource' is missing"),
        ({"resource": "nonsense"}, "kind.source-id"),
        ({"seq": ...}, "either 'seq'"),
        ({"at": "2026-11-05T00:00:00Z"}, "either 'seq'"),
        ({"seq": 0}, "whole number from 1"),
        ({"seq": True}, "whole number"),
        ({"seq": "1"}, "whole number"),
        ({"seq": ..., "at": "yesterday"}, "time with a zone"),
        ({"seq": ..., "at": "2026-11-05T00:00:00"}, "time with a zone"),
        ({"selection": ...}, "'selection' is an object"),
        ({"selection": []}, "JSON object"),
        ({"selection": {"all": True}}, "'selection' is an object"),
        ({"selection": {"everything": "yes"}}, "'selection' is an object"),
        ({"selection": {"item_ids": "m1"}}, "'selection' is an object"),
        ({"selection": {"item_ids": [1]}}, "array of at most 1000 strings"),
        ({"selection": {"item_ids": ["x"] * 1001}}, "array of at most 1000 strings"),
        ({"selection": {}}, "names nothing"),
        ({"selection": {"everything": True, "item_ids": ["m1"]}}, "excludes"),
        ({"selection": {"item_ids": ["no-such-item"]}}, "does not hold"),
        ({"target": "elsewhere"}, "'target' is one of: original, folder"),
        ({"target": "folder"}, "needs a 'folder_name'"),
        ({"target": "folder", "folder_name": "../up"}, "no '/'"),
        ({"folder_name": "x"}, "goes with target"),
        ({"conflict": "overwrite"}, "'conflict' is one of: skip, keep_both, replace"),
        ({"customer": "other"}, "Unknown member"),
    ],
)
async def test_a_malformed_request_is_told_what_is_expected(world: _World, change: dict[str, Any], words: str) -> None:
    body = {name: value for name, value in {**EVERYTHING, **change}.items() if value is not ...}
    status, problem = await world.post(body)
    assert (status, problem["status"]) == (400, 400)
    assert words in problem["detail"]
    assert world.journal.records == {}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "[" * 100_000])
async def test_a_body_that_is_none_is_a_bad_request(world: _World, body: str) -> None:
    status, problem = await world.post(body)
    assert status == 400
    assert problem["title"] == "Bad request"


async def test_what_is_not_there_or_somebody_elses_is_not_found(world: _World) -> None:
    _, started = await world.post(EVERYTHING)
    await world.ended(started["status_url"])
    for path in (
        "nobody/restores",
        f"other/restores/{started['restore_id']}",
        "acme/restores/restore-acme-0",
        f"other/resources/{MAILBOX.id}/snapshots",
        f"other/resources/{MAILBOX.id}/snapshots/1/items",
        f"acme/resources/{MAILBOX.id}/snapshots/2/items",
        "acme/resources/mailbox.unknown/snapshots",
    ):
        status, problem = await world.get(path)
        assert (status, problem["status"]) == (404, 404), path
    assert (await world.post(EVERYTHING, "other"))[0] == 404
    assert (await world.post({**EVERYTHING, "seq": 2}))[0] == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "token=nonsense", "parent=m1", "parent=%00", "parent=%F0%9F%98%80"]
)
async def test_a_bad_page_is_a_bad_request(world: _World, query: str) -> None:
    status, problem = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items?{query}")
    assert status == 400, problem


async def test_passing_trouble_is_tried_again(world: _World) -> None:
    world.archive.trouble = [SourceUnavailableError("passing")] * 2
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["counts"]["restored"]) == ("complete", 7)


async def test_trouble_that_stays_is_recorded_with_its_cause(world: _World) -> None:
    world.archive.trouble = [SourceUnavailableError("Graph is out of reach.")] * 50
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert ended["state"] == "failed"
    assert "Graph is out of reach." in ended["error"]


async def test_what_no_further_try_can_cure_ends_it_at_once(world: _World) -> None:
    world.archive.trouble = [AccessDeniedError("Grant MailboxItem.ImportExport.All.")]
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["error"]) == ("failed", "Grant MailboxItem.ImportExport.All.")


async def test_a_double_click_is_one_restore(world: _World) -> None:
    world.target.gate.clear()
    answers = await asyncio.gather(*(world.post(EVERYTHING) for _ in range(4)))
    [(_, started)] = [entry for entry in answers if entry[0] == 202]
    for status, refused in answers:
        if status != 202:
            assert (status, refused["restore_id"]) == (409, started["restore_id"])
            assert "Follow that one, or cancel it" in refused["detail"]
    assert len(world.journal.records) == 1
    world.target.gate.set()
    assert (await world.ended(started["status_url"]))["state"] == "complete"
    assert len(world.target.contents) == 7
    status, another = await world.post(EVERYTHING)
    assert status == 202
    assert another["restore_id"] != started["restore_id"]
    await world.ended(another["status_url"])


async def test_a_key_answers_the_restore_that_it_began(world: _World) -> None:
    world.target.gate.clear()
    key = '"8e03978e-40d5-43dd-bc93-6894a57f9324"'
    by_time = {**EVERYTHING, "at": "2026-11-05T00:00:00Z"}
    del by_time["seq"]
    answers = await asyncio.gather(*(world.post(by_time, key=key) for _ in range(3)))
    assert [status for status, _ in answers] == [202] * 3
    [restore_id] = {answer["restore_id"] for _, answer in answers}
    world.target.gate.set()
    await world.ended(answers[0][1]["status_url"])
    world.archive.catalogs[2] = world.archive.catalogs[1]  # the same time means another snapshot now
    status, again = await world.post(by_time, key=key)
    assert (status, again["restore_id"], again["seq"]) == (200, restore_id, 1)
    status, refused = await world.post(EVERYTHING, key=key)
    assert (status, refused["status"]) == (422, 422)
    assert "Take a new key" in refused["detail"]
    assert list(world.journal.records) == [restore_id]


@pytest.mark.parametrize("key", ["", "x" * 101, "t\u00e4g"])
async def test_a_key_that_is_none_is_a_bad_request(world: _World, key: str) -> None:
    status, refused = await world.post(EVERYTHING, key=key)
    assert status == 400
    assert "1 to 100 printable ASCII characters" in refused["detail"]
    assert world.journal.records == {}


async def test_whose_host_died_before_the_start_is_taken_up_by_the_next_caller(world: _World) -> None:
    restore_id = await world.died_before_its_start()
    status, refused = await world.post(EVERYTHING)
    assert (status, refused["restore_id"]) == (409, restore_id)
    assert (await world.ended(refused["status_url"]))["counts"]["restored"] == 7


async def test_whose_host_died_before_the_start_is_taken_up_by_the_timer(world: _World) -> None:
    restore_id = await world.died_before_its_start()
    for _ in range(2):
        async with world.http.post("/admin/functions/restore_timer") as fired:
            assert fired.status == 202
    ended = await world.ended(f"/api/customers/acme/restores/{restore_id}")
    assert (ended["state"], ended["counts"]["restored"], len(world.target.contents)) == ("complete", 7, 7)


async def test_what_was_lost_long_ago_is_not_taken_up_again(world: _World) -> None:
    long_ago = START - timedelta(days=1, seconds=1)
    by_timer = await world.died_before_its_start(long_ago)
    async with world.http.post("/admin/functions/restore_timer") as fired:
        assert fired.status == 202
    by_caller = await world.died_before_its_start(long_ago)
    status, started = await world.post(EVERYTHING)
    assert status == 202
    await world.ended(started["status_url"])
    for restore_id in (by_timer, by_caller):
        ended = await world.ended(f"/api/customers/acme/restores/{restore_id}")
        assert (ended["state"], ended["counts"]["restored"]) == ("failed", 0)
        assert "interrupted" in ended["error"]
    assert len(world.target.contents) == 7


async def test_a_cancelled_restore_stops_before_its_next_batch(world: _World) -> None:
    world.target.gate.clear()
    _, started = await world.post(EVERYTHING)
    restore_id = started["restore_id"]
    await world.target.reached.wait()
    for _ in range(2):
        status, cancelling = await world.cancel(restore_id)
        assert (status, cancelling["state"]) == (202, "running")
    _, running = await world.get(f"acme/restores/{restore_id}")
    assert (running["state"], running["cancelling"]) == ("running", True)
    world.target.gate.set()
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["cancelling"]) == ("cancelled", False)
    assert (ended["counts"]["planned"], ended["counts"]["restored"]) == (7, 1)
    assert len(world.target.contents) == 1, "what was written stays, and nothing follows"
    status, cancelled = await world.cancel(restore_id)
    assert (status, cancelled["state"]) == (200, "cancelled")


async def test_what_nobody_runs_is_cancelled_at_once_and_stays_so(world: _World) -> None:
    restore_id = await world.died_before_its_start()
    status, cancelled = await world.cancel(restore_id)
    assert (status, cancelled["state"]) == (200, "cancelled")
    payload = {"customer": "acme", "restore": restore_id}
    async with world.http.post(
        f"/runtime/webhooks/durabletask/orchestrators/restore_resource/{restore_id}", json=payload
    ) as late:
        assert late.status == 202
        status_url = (await late.json())["statusQueryGetUri"]
    for _ in range(200):
        async with world.http.get(status_url) as reply:
            if (await reply.json())["runtimeStatus"] == "Completed":
                break
        await asyncio.sleep(0.05)
    assert world.target.contents == []
    assert world.journal.records[restore_id].state is RestoreState.CANCELLED


async def test_what_has_ended_or_is_not_there_cannot_be_cancelled(world: _World) -> None:
    _, started = await world.post(EVERYTHING)
    await world.ended(started["status_url"])
    status, refused = await world.cancel(started["restore_id"])
    assert status == 409
    assert "has ended (complete)" in refused["detail"]
    assert (await world.cancel("restore-acme-0"))[0] == 404
    assert (await world.cancel(started["restore_id"], '{"why": "x"}'))[0] == 400


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("acme/restores?limti=5", "'limti'; there are: limit"),
        ("acme/restores/restore-acme-0?limit=5", "'limit'; this address takes none"),
        (f"acme/resources/{MAILBOX.id}/snapshots?limit=5", "this address takes none"),
        (f"acme/resources/{MAILBOX.id}/snapshots/1/items?offset=5", "there are: parent, limit, token"),
        (f"acme/resources/{MAILBOX.id}/snapshots/1/missing?x=", "this address takes none"),
    ],
)
async def test_a_query_that_nobody_knows_is_a_bad_request(world: _World, path: str, words: str) -> None:
    status, refused = await world.get(path)
    assert status == 400
    assert words in refused["detail"]


async def test_a_function_key_may_stand_in_the_query(world: _World) -> None:
    assert (await world.get("acme/restores?limit=5&code=secret"))[0] == 200


async def test_a_damaged_restore_point_says_which_others_can_be_used(world: _World) -> None:
    world.archive.catalogs = dict.fromkeys((1, 2, 3), world.archive.catalogs[1])
    world.archive.damaged = {2}
    status, listed = await world.get(f"acme/resources/{MAILBOX.id}/snapshots")
    assert status == 200
    assert [(entry["seq"], entry["state"]) for entry in listed["snapshots"]] == [
        (3, "complete"),
        (2, "damaged"),
        (1, "complete"),
    ]
    for status, refused in (
        await world.get(f"acme/resources/{MAILBOX.id}/snapshots/2/items"),
        await world.get(f"acme/resources/{MAILBOX.id}/snapshots/2/missing"),
        await world.post({**EVERYTHING, "seq": 2}),
    ):
        assert status == 409
        assert refused["detail"].endswith("these can be used: 1, 3.")
    at_2 = {**EVERYTHING, "at": "2026-11-03T12:00:00Z"}
    del at_2["seq"]
    status, started = await world.post(at_2)
    assert (status, started["seq"]) == (202, 1)
    assert (await world.ended(started["status_url"]))["state"] == "complete"


async def test_a_record_that_is_damaged_later_ends_the_restore_with_advice(world: _World) -> None:
    world.archive.catalogs = dict.fromkeys((1, 2), world.archive.catalogs[1])
    world.target.gate.clear()
    _, started = await world.post(EVERYTHING)
    await world.target.reached.wait()
    world.archive.damaged = {1}
    world.target.gate.set()
    ended = await world.ended(started["status_url"])
    assert ended["state"] == "failed"
    assert ended["error"].endswith("these can be used: 2.")
    assert ended["counts"]["restored"] == 1
