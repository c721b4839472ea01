"""Who came and who left, as a run sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared_code.backup.runs import CustomerRuns
from shared_code.errors import SourceUnavailableError
from shared_code.model.census import Census, Known, Unseen, compare_census
from shared_code.model.resource import Resource, ResourceKind
from shared_code.model.run import Departed, Run, RunState
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import CUSTOMER, Office, resource
from tests.unit.backup.test_runs import do, make

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)


def mailbox(number: int) -> Resource:
    return Resource(ResourceKind.MAILBOX, f"u{number}", f"Mailbox {number}", {"user_id": f"u{number}"})


async def night(runs: CustomerRuns, office: Office, number: int) -> Run:
    office.now = MONDAY + number * DAY
    await do(runs, f"r{number}")
    return await runs.close(f"r{number}")


def world(*resources: Resource) -> tuple[CustomerRuns, MemoryRuns, Office]:
    office = Office(list(resources))
    runs, ledger = make(office)
    return runs, ledger, office


async def test_nobody_is_new_to_the_first_run() -> None:
    runs, _, office = world(resource(0), resource(1))
    run = await night(runs, office, 0)
    assert (run.state, run.new, run.departed) == (RunState.COMPLETE, (), ())


async def test_who_comes_is_in_the_next_run_and_new_once() -> None:
    runs, _, office = world(resource(0))
    await night(runs, office, 0)
    office.resources.append(resource(1))
    second, third = await night(runs, office, 1), await night(runs, office, 2)
    assert [entry.resource_id for entry in second.new] == ["drive.d1"]
    assert (second.resources_done, third.new) == (2, ())


async def test_who_leaves_is_departed_since_the_first_run_that_missed_them() -> None:
    runs, _, office = world(resource(0), resource(1))
    await night(runs, office, 0)
    office.resources.pop()
    second, third = await night(runs, office, 1), await night(runs, office, 2)
    expected = Departed("drive.d1", "Drive 1", MONDAY, MONDAY + DAY)
    assert second.departed == third.departed == (expected,)
    assert second.state is third.state is RunState.COMPLETE


async def test_who_comes_back_is_neither_departed_nor_new() -> None:
    runs, _, office = world(resource(0), resource(1))
    await night(runs, office, 0)
    left = office.resources.pop()
    await night(runs, office, 1)
    office.resources.append(left)
    back = await night(runs, office, 2)
    assert (back.departed, back.new, back.resources_done) == ((), (), 2)
    office.resources.remove(left)
    again = await night(runs, office, 3)
    assert [(entry.last_snapshot_at, entry.since) for entry in again.departed] == [(MONDAY + 2 * DAY, MONDAY + 3 * DAY)]


async def test_a_departed_account_in_the_deleted_items_is_told_with_its_date() -> None:
    runs, _, office = world(mailbox(0), mailbox(1))
    await night(runs, office, 0)
    office.resources.pop()
    office.deleted = (("u1", MONDAY + DAY / 2),)
    run = await night(runs, office, 1)
    assert [entry.account_deleted_at for entry in run.departed] == [MONDAY + DAY / 2]


async def test_nobody_has_departed_of_a_kind_that_could_not_be_seen() -> None:
    runs, ledger, office = world(resource(0), mailbox(0), mailbox(1))
    await night(runs, office, 0)
    office.resources = [mailbox(0)]
    office.unseen = (Unseen(ResourceKind.DRIVE, "Grant Files.Read.All to the app."),)
    run = await night(runs, office, 1)
    assert [entry.resource_id for entry in run.departed] == ["mailbox.u1"]
    assert run.state is RunState.PARTIAL
    assert "Grant Files.Read.All" in run.error
    assert ledger.index[(CUSTOMER.id, "drive.d0")].departed_since is None


async def test_an_owner_who_is_refused_alone_has_not_departed() -> None:
    runs, _, office = world(mailbox(0), mailbox(1), mailbox(2))
    await night(runs, office, 0)
    office.resources = [mailbox(0)]
    office.unseen = (Unseen(ResourceKind.MAILBOX, "refused", "u1"),)
    run = await night(runs, office, 1)
    assert [entry.resource_id for entry in run.departed] == ["mailbox.u2"]


async def test_an_empty_listing_makes_nobody_depart() -> None:
    runs, ledger, office = world(resource(0), mailbox(0))
    await night(runs, office, 0)
    office.resources = []
    nobody = await night(runs, office, 1)
    assert (nobody.state, nobody.departed) == (RunState.PARTIAL, ())
    office.resources = [mailbox(0)]  # and neither does one that is empty of a kind
    no_drives = await night(runs, office, 2)
    assert (no_drives.state, no_drives.departed) == (RunState.PARTIAL, ())
    assert "no drive any more" in no_drives.error
    assert all(entry.departed_since is None for entry in ledger.index.values())


async def test_a_failed_listing_makes_nobody_depart() -> None:
    runs, ledger, office = world(resource(0), resource(1))
    await night(runs, office, 0)

    async def refuse() -> Census:
        raise SourceUnavailableError("no answer")

    office.list_resources = refuse  # type: ignore[method-assign]
    try:
        await runs.plan("r1")
    except SourceUnavailableError:
        await runs.fail("r1", "no answer")
    assert ledger.saved[(CUSTOMER.id, "r1")].departed == ()
    assert all(entry.departed_since is None for entry in ledger.index.values())


async def test_a_planned_run_that_is_planned_again_says_the_same() -> None:
    runs, ledger, office = world(resource(0), resource(1))
    await night(runs, office, 0)
    office.resources = [resource(0), resource(2)]
    office.now = MONDAY + DAY
    await runs.plan("r1")
    first = ledger.saved[(CUSTOMER.id, "r1")]
    await runs.plan("r1")
    assert ledger.saved[(CUSTOMER.id, "r1")] == first
    assert ([entry.resource_id for entry in first.new], len(first.departed)) == (["drive.d2"], 1)


async def test_a_failed_run_takes_no_restore_point_from_who_leaves_after_it() -> None:
    runs, _, office = world(resource(0), resource(1))
    await night(runs, office, 0)
    office.script = {"drive.d1": [RuntimeError("x")] * 3}
    await night(runs, office, 1)
    office.resources.pop()
    run = await night(runs, office, 2)
    assert [entry.last_snapshot_at for entry in run.departed] == [MONDAY]


async def test_departed_are_forgotten_with_their_last_promised_restore_point() -> None:
    runs, _, office = world(resource(0), resource(1))
    await night(runs, office, 0)
    office.resources.pop()
    await night(runs, office, 1)
    assert len((await night(runs, office, 90)).departed) == 1
    assert (await night(runs, office, 91)).departed == ()


def test_a_rename_is_neither_a_coming_nor_a_going() -> None:
    old = Known(mailbox(0), 3, MONDAY)
    renamed = Resource(ResourceKind.MAILBOX, "u0", "Married Name", {"user_id": "u0", "principal_name": "new@x"})
    comings = compare_census(Census((renamed,)), [old])
    assert (comings.new, comings.departed, comings.suspicious) == ((), (), ())
