"""The HTTP surface of restores: looking, starting, following, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from functions import restore_work
from shared_code.errors import AccessDeniedError, SourceUnavailableError, ThrottledError
from tests.fakes.restore_api import EVERYTHING, RestoreApi
from tests.fakes.restore_world import MAILBOX

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_from_looking_to_the_verdict(world: RestoreApi, monkeypatch: pytest.MonkeyPatch) -> None:
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
    world: RestoreApi, monkeypatch: pytest.MonkeyPatch, refusals: int, state: str, restored: int
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
async def test_a_malformed_request_is_told_what_is_expected(
    world: RestoreApi, change: dict[str, Any], words: str
) -> None:
    body = {name: value for name, value in {**EVERYTHING, **change}.items() if value is not ...}
    status, problem = await world.post(body)
    assert (status, problem["status"]) == (400, 400)
    assert words in problem["detail"]
    assert world.journal.records == {}


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"text"', "[" * 100_000])
async def test_a_body_that_is_none_is_a_bad_request(world: RestoreApi, body: str) -> None:
    status, problem = await world.post(body)
    assert status == 400
    assert problem["title"] == "Bad request"


async def test_what_is_not_there_or_somebody_elses_is_not_found(world: RestoreApi) -> None:
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
async def test_a_bad_page_is_a_bad_request(world: RestoreApi, query: str) -> None:
    status, problem = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items?{query}")
    assert status == 400, problem


async def test_passing_trouble_is_tried_again(world: RestoreApi) -> None:
    world.archive.trouble = [SourceUnavailableError("passing")] * 2
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["counts"]["restored"]) == ("complete", 7)


async def test_trouble_that_stays_is_recorded_with_its_cause(world: RestoreApi) -> None:
    world.archive.trouble = [SourceUnavailableError("Graph is out of reach.")] * 50
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert ended["state"] == "failed"
    assert "Graph is out of reach." in ended["error"]


async def test_what_no_further_try_can_cure_ends_it_at_once(world: RestoreApi) -> None:
    world.archive.trouble = [AccessDeniedError("Grant MailboxItem.ImportExport.All.")]
    _, started = await world.post(EVERYTHING)
    ended = await world.ended(started["status_url"])
    assert (ended["state"], ended["error"]) == ("failed", "Grant MailboxItem.ImportExport.All.")


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
async def test_a_query_that_nobody_knows_is_a_bad_request(world: RestoreApi, path: str, words: str) -> None:
    status, refused = await world.get(path)
    assert status == 400
    assert words in refused["detail"]


async def test_a_function_key_may_stand_in_the_query(world: RestoreApi) -> None:
    assert (await world.get("acme/restores?limit=5&code=secret"))[0] == 200


async def test_a_damaged_restore_point_says_which_others_can_be_used(world: RestoreApi) -> None:
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


async def test_a_record_that_is_damaged_later_ends_the_restore_with_advice(world: RestoreApi) -> None:
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


async def test_who_looks_does_not_keep_a_restore_from_being_started(
    world: RestoreApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared_code.restore.browsing.LONGEST_WAIT_S", 0.1)
    for _ in range(2):
        await world.gate.acquire()
    status, busy = await world.get(f"acme/resources/{MAILBOX.id}/snapshots/1/items")
    assert (status, busy["title"]) == (503, "Vault busy")
    assert "try again" in busy["detail"]
    status, started = await world.post(EVERYTHING)
    assert status == 202
    assert (await world.ended(started["status_url"]))["counts"]["restored"] == 7

    for _ in range(2):
        await world.start_gate.acquire()
    status, busy = await world.post(EVERYTHING)
    assert (status, busy["title"]) == (503, "Vault busy")
    assert len(world.journal.records) == 1, "nothing was begun"
