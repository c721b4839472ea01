"""One wish is one restore, whoever asks for it how often and dies where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared_code.errors import KeyReusedError, RestoreInProgressError
from shared_code.model.restore import (
    ConflictRule,
    IdempotencyKey,
    Restore,
    RestoreRequest,
    RestoreState,
    Selection,
    TargetKind,
)
from shared_code.restore.starting import record_once, request_claim, restore_of_key
from tests.fakes.restore_world import MAILBOX, START, CrashError, Crashes, MemoryJournal

REQUEST = RestoreRequest("restore-acme-1", "acme", MAILBOX.id, 1, Selection(False, ("f1",), ("m1", "m2")))
KEY = IdempotencyKey("6f2c", "what was asked")


def _restore(number: int, request: RestoreRequest = REQUEST) -> Restore:
    return Restore(replace(request, id=f"restore-acme-{number}"), RestoreState.RUNNING, START)


async def _end(journal: MemoryJournal, restore_id: str, state: RestoreState = RestoreState.COMPLETE) -> None:
    recorded = journal.records[restore_id]
    assert await journal.exchange(recorded, replace(recorded, state=state, ended_at=START))


@pytest.mark.parametrize("state", [RestoreState.COMPLETE, RestoreState.FAILED, RestoreState.CANCELLED])
async def test_an_equal_one_has_to_end_first(state: RestoreState) -> None:
    journal = MemoryJournal(Crashes())
    await record_once(journal, _restore(1), None)
    for number in (2, 3):
        with pytest.raises(RestoreInProgressError, match="restore-acme-1 does the same") as refused:
            await record_once(journal, _restore(number), None)
        assert refused.value.context["restore_id"] == "restore-acme-1"
    await _end(journal, "restore-acme-1", state)
    assert (await record_once(journal, _restore(4), None)).request.id == "restore-acme-4"
    with pytest.raises(RestoreInProgressError, match="restore-acme-4"):
        await record_once(journal, _restore(5), None)
    assert sorted(journal.records) == ["restore-acme-1", "restore-acme-4"]


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, customer_id="else"),
        replace(REQUEST, resource_id="mailbox.user-2"),
        replace(REQUEST, seq=2),
        replace(REQUEST, selection=Selection(True)),
        replace(REQUEST, selection=Selection(False, ("f1", "m1"), ("m2",))),
        replace(REQUEST, target=TargetKind.FOLDER, folder_name="A"),
        replace(REQUEST, conflict=ConflictRule.REPLACE),
    ],
)
async def test_another_wish_is_another_restore(other: RestoreRequest) -> None:
    journal = MemoryJournal(Crashes())
    await record_once(journal, _restore(1), None)
    assert (await record_once(journal, _restore(2, other), None)).request.id == "restore-acme-2"


def test_the_order_of_ids_makes_no_other_wish() -> None:
    turned = replace(REQUEST, id="another", selection=Selection(False, ("f1",), ("m2", "m1", "m2")))
    assert request_claim(turned) == request_claim(REQUEST)


async def test_the_same_key_finds_its_restore_ended_or_not() -> None:
    journal = MemoryJournal(Crashes())
    assert await restore_of_key(journal, "acme", KEY) is None
    await record_once(journal, _restore(1), KEY)
    for state in (RestoreState.RUNNING, RestoreState.PARTIAL):
        await _end(journal, "restore-acme-1", state)
        found = await restore_of_key(journal, "acme", KEY)
        assert found is not None
        assert (found.request.id, found.state) == ("restore-acme-1", state)
        again = await record_once(journal, _restore(2), KEY)
        assert (again.request.id, again.state) == ("restore-acme-1", state)
    assert await restore_of_key(journal, "else", KEY) is None
    for asked_again in (
        restore_of_key(journal, "acme", replace(KEY, asked="something else")),
        record_once(journal, _restore(3), replace(KEY, asked="something else")),
    ):
        with pytest.raises(KeyReusedError, match="another request before"):
            await asked_again
    assert list(journal.records) == ["restore-acme-1"]


async def test_a_key_that_met_an_equal_one_of_somebody_else_is_not_used_up() -> None:
    journal = MemoryJournal(Crashes())
    await record_once(journal, _restore(1), None)
    for number in (2, 3):
        with pytest.raises(RestoreInProgressError, match="restore-acme-1"):
            await record_once(journal, _restore(number), KEY)
        assert await restore_of_key(journal, "acme", KEY) is None
    await _end(journal, "restore-acme-1")
    own = await record_once(journal, _restore(4), KEY)
    assert own.state is RestoreState.RUNNING
    assert await restore_of_key(journal, "acme", KEY) == own


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("earlier", [False, True])
async def test_a_caller_that_dies_blocks_nobody_and_doubles_nothing(earlier: bool, key: IdempotencyKey | None) -> None:
    """The first caller dies at each point in turn. The next one of the same wish finds a restore that it can follow, or
    has one of its own; there is one that runs, and never two."""
    point = 0
    while True:
        point += 1
        calm = Crashes()
        journal = MemoryJournal(calm)
        if earlier:
            await record_once(journal, _restore(0), None)
            await _end(journal, "restore-acme-0")
        journal._crashes = Crashes(point)
        try:
            await record_once(journal, _restore(1), key)
            break  # it got through: every point has been tried
        except CrashError:
            journal._crashes = calm
        try:
            followed = (await record_once(journal, _restore(2), None)).request.id
        except RestoreInProgressError as refused:
            followed = str(refused.context["restore_id"])
        running = [entry for entry in journal.records.values() if entry.state is RestoreState.RUNNING]
        assert [entry.request.id for entry in running] == [followed], f"died at point {point}"
        assert running[0].request == replace(REQUEST, id=followed)
        if key and await restore_of_key(journal, "acme", key):
            assert (await record_once(journal, _restore(3), key)).request.id == followed, f"died at point {point}"
        await _end(journal, followed)
        assert (await record_once(journal, _restore(4), None)).state is RestoreState.RUNNING, f"died at point {point}"
    assert point > 4
