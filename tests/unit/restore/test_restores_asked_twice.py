"""One wish is one restore over HTTP, also where a host died; and what was not meant is cancelled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import azure.durable_functions as df
import pytest

from functions import restore as restore_functions
from functions import restore_work
from shared_code.model.restore import RestoreState
from tests.fakes.restore_api import EVERYTHING, RestoreApi
from tests.fakes.restore_world import START

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_double_click_is_one_restore(world: RestoreApi) -> None:
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


async def test_a_key_answers_the_restore_that_it_began(world: RestoreApi) -> None:
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
async def test_a_key_that_is_none_is_a_bad_request(world: RestoreApi, key: str) -> None:
    status, refused = await world.post(EVERYTHING, key=key)
    assert status == 400
    assert "1 to 100 printable ASCII characters" in refused["detail"]
    assert world.journal.records == {}


async def test_whose_host_died_before_the_start_is_taken_up_by_the_next_caller(world: RestoreApi) -> None:
    restore_id = await world.died_before_its_start()
    status, refused = await world.post(EVERYTHING)
    assert (status, refused["restore_id"]) == (409, restore_id)
    assert (await world.ended(refused["status_url"]))["counts"]["restored"] == 7


async def test_whose_host_died_before_the_start_is_taken_up_by_the_timer(world: RestoreApi) -> None:
    restore_id = await world.died_before_its_start()
    for _ in range(2):
        async with world.http.post("/admin/functions/restore_timer") as fired:
            assert fired.status == 202
    ended = await world.ended(f"/api/customers/acme/restores/{restore_id}")
    assert (ended["state"], ended["counts"]["restored"], len(world.target.contents)) == ("complete", 7, 7)


async def test_what_was_lost_long_ago_is_not_taken_up_again(world: RestoreApi) -> None:
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
        assert "a new 'Idempotency-Key'" in ended["error"]
    assert len(world.target.contents) == 7


async def test_a_cancelled_restore_stops_before_its_next_batch(world: RestoreApi) -> None:
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


async def test_what_nobody_runs_is_cancelled_at_once_and_stays_so(world: RestoreApi) -> None:
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


async def test_what_has_ended_or_is_not_there_cannot_be_cancelled(world: RestoreApi) -> None:
    _, started = await world.post(EVERYTHING)
    await world.ended(started["status_url"])
    status, refused = await world.cancel(started["restore_id"])
    assert status == 409
    assert "has ended (complete)" in refused["detail"]
    assert (await world.cancel("restore-acme-0"))[0] == 404
    assert (await world.cancel(started["restore_id"], '{"why": "x"}'))[0] == 400


async def test_what_ended_while_it_was_cancelled_is_told_as_it_ended(
    world: RestoreApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.target.gate.clear()
    _, started = await world.post(EVERYTHING)
    await world.target.reached.wait()

    async def after_its_end(client: df.DurableOrchestrationClient, restore_id: str) -> bool:
        world.journal.to_cancel.clear()  # the last batch was begun before the note was there
        world.target.gate.set()
        await world.ended(started["status_url"])
        return False

    monkeypatch.setattr(restore_functions, "is_under_way", after_its_end)
    status, refused = await world.cancel(started["restore_id"])
    assert status == 409
    assert "has ended (complete)" in refused["detail"]
    assert world.journal.records[started["restore_id"]].state is RestoreState.COMPLETE


async def test_an_equal_one_is_refused_also_while_the_engine_does_not_answer(
    world: RestoreApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_id = await world.died_before_its_start()
    with monkeypatch.context() as engine:

        async def is_out_of_reach(client: df.DurableOrchestrationClient, restore_id: str) -> bool:
            raise OSError("out of reach")

        engine.setattr(restore_work, "is_under_way", is_out_of_reach)
        status, refused = await world.post(EVERYTHING)
        assert (status, refused["restore_id"]) == (409, restore_id)
    status, refused = await world.post(EVERYTHING)
    assert (status, refused["restore_id"]) == (409, restore_id)
    assert (await world.ended(refused["status_url"]))["counts"]["restored"] == 7
