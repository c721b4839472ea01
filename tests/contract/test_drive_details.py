"""What a drive holds besides files and folders: who may see them, what they were, what is withheld."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared_code.model.outcome import SkipCause
from shared_code.model.restore import ConflictRule, Selection
from tests.fakes.drive_world import START, DriveWorld, drive_world
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
async def world(tenant: SimulatedTenant, tmp_path: Path) -> AsyncIterator[DriveWorld]:
    async with drive_world(tenant, tmp_path) as world:
        yield world


# ---- who may see it


async def test_permissions_are_asked_for_in_one_batch_and_only_where_something_is_shared(world: DriveWorld) -> None:
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    for number in range(30):
        world.edit("put_file", f"Docs/{number}.txt", b"%d" % number)
    for number in range(15):
        world.edit("share", f"Docs/{number}.txt", people=[ben], role="write")
    await world.back_up()
    assert (world.asked["drive.permissions"], world.asked["batch"]) == (15, 1)
    docs = (await world.children(1))["Docs"].change.item_id
    stored = (await world.children(1, docs))["3.txt"].change.properties["permissions"]
    assert stored == [{"roles": ["write"], "to": [{"kind": "user", "id": ben}]}]
    await world.back_up()
    assert world.asked == Counter({"drive.delta": 1})


async def test_a_change_of_sharing_alone_makes_a_row_and_no_download(world: DriveWorld) -> None:
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    world.edit("put_file", "a.txt", b"a")
    world.edit("put_file", "no hash.txt", b"b", without_hash=True)
    await world.back_up()
    for name in ("a.txt", "no hash.txt"):
        world.edit("share", name, people=[ben])
    outcome = await world.back_up()
    assert (outcome.counts.stored, outcome.counts.reused, world.content_requests) == (0, 2, 0)
    for name, data in (("a.txt", b"a"), ("no hash.txt", b"b")):
        version = (await world.children(2))[name]
        assert version.change.properties["permissions"]
        assert await world.bytes_of(version) == data
    world.edit("unshare", "a.txt")
    await world.back_up()
    assert "permissions" not in (await world.children(3))["a.txt"].change.properties
    assert world.content_requests == 0


async def test_the_sweep_finds_what_delta_does_not_tell(world: DriveWorld) -> None:
    world.tenant.control.change_settings(world.tenant.id, sharing_shows_in_delta=False)
    world.edit("put_file", "a.txt", b"a")
    world.edit("put_file", "b.txt", b"b")
    world.edit("share", "b.txt", link_type="view", link_scope="organization")
    await world.back_up()
    world.edit("share", "a.txt", link_type="edit", link_scope="organization")
    world.edit("unshare", "b.txt")
    world.now = START + timedelta(days=6)
    await world.back_up()
    assert world.asked == Counter({"drive.delta": 1})
    assert "permissions" not in (await world.children(2))["a.txt"].change.properties
    world.now = START + timedelta(days=7)
    outcome = await world.back_up()
    assert (outcome.counts.stored, world.content_requests) == (0, 0)
    now = await world.children(3)
    assert now["a.txt"].change.properties["permissions"][0]["link"] == {"type": "edit", "scope": "organization"}
    assert "permissions" not in now["b.txt"].change.properties
    world.edit("put_file", "c.txt", b"c")  # and the delta goes on from where it was
    await world.back_up()
    assert "c.txt" in await world.children(4)
    assert world.asked["drive.delta"] == 1


async def test_what_was_shared_is_shared_again_and_what_cannot_be_is_told(world: DriveWorld) -> None:
    control, tid = world.tenant.control, world.tenant.id
    ben, cleo = (control.add_user(tid, name)["id"] for name in ("Ben", "Cleo"))
    world.edit("put_file", "Team/plan.txt", b"plan")
    world.edit("put_file", "links.txt", b"links")
    world.edit("put_file", "odd.txt", b"odd")
    world.edit("share", "Team", people=[ben], role="write", expires="2030-01-01T00:00:00Z")
    world.edit("share", "Team/plan.txt", people=[cleo], role="read")
    world.edit("share", "links.txt", link_type="view", link_scope="organization")
    world.edit("share", "links.txt", link_type="view", link_scope="users", people=[ben])
    world.edit("share", "odd.txt", email="guest@partner.example", role="read")
    world.edit("share", "odd.txt", link_type="view", link_scope="anonymous", password=True)
    before = world.details()
    await world.back_up()
    for name in ("Team", "links.txt", "odd.txt"):
        world.edit("delete_file", name)
    restore = await world.restore(1)
    assert restore.counts.restored == 3
    after = world.details()
    assert {path: after[path]["grants"] for path in ("/Team", "/Team/plan.txt", "/links.txt")} == {
        path: before[path]["grants"] for path in ("/Team", "/Team/plan.txt", "/links.txt")
    }
    assert "/odd.txt" not in after
    told = {problem.item_id: problem.error for problem in restore.problems}
    ids = {name: version.change.item_id for name, version in (await world.children(1)).items()}
    assert told.keys() == {ids["links.txt"], ids["odd.txt"]}
    assert "2 sharing link(s) made anew have another address" in told[ids["links.txt"]]
    assert "1 guest(s) have to be invited anew" in told[ids["odd.txt"]]
    assert "1 link(s) with a password cannot be made again" in told[ids["odd.txt"]]


async def test_links_that_the_tenant_forbids_and_people_who_left_are_told(world: DriveWorld) -> None:
    control, tid = world.tenant.control, world.tenant.id
    ben = control.add_user(tid, "Ben")["id"]
    world.edit("put_file", "a.txt", b"a")
    world.edit("share", "a.txt", people=[ben])
    world.edit("share", "a.txt", link_type="view", link_scope="anonymous")
    await world.back_up()
    world.edit("delete_file", "a.txt")
    control.delete_user(tid, ben)
    control.change_settings(tid, anonymous_links=False)
    restore = await world.restore(1)
    assert restore.counts.restored == 1
    assert "2 permission(s) were refused by the service" in restore.problems[0].error


async def test_a_copy_for_looking_at_is_shared_with_nobody(world: DriveWorld) -> None:
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    world.edit("put_file", "Team/a.txt", b"a")
    world.edit("share", "Team", people=[ben])
    world.edit("share", "Team/a.txt", people=[ben])
    await world.back_up()
    restore = await world.restore(1, into="Back")
    assert set(world.details()) == {"/Team", "/Team/a.txt"}
    assert ["not shared anew" in problem.error for problem in restore.problems] == [True, True]


async def test_nobodys_access_is_taken_away_and_an_untouched_folder_is_left_alone(world: DriveWorld) -> None:
    ben, cleo = (world.tenant.control.add_user(world.tenant.id, name)["id"] for name in ("Ben", "Cleo"))
    world.edit("put_file", "Team/a.txt", b"a")
    world.edit("share", "Team", people=[ben])
    world.edit("share", "Team/a.txt", people=[ben])
    await world.back_up()
    world.edit("unshare", "Team")
    world.edit("unshare", "Team/a.txt")
    world.edit("share", "Team/a.txt", people=[cleo])
    world.edit("put_file", "Team/a.txt", b"other")
    await world.restore(1, conflict=ConflictRule.REPLACE)
    details = world.details()
    assert "/Team" not in details
    assert {tuple(grant["people"]) for grant in details["/Team/a.txt"]["grants"]} == {(ben,), (cleo,)}


async def test_an_equal_file_is_shared_again_where_things_are_made_what_they_were(world: DriveWorld) -> None:
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    world.edit("put_file", "a.txt", b"a")
    world.edit("share", "a.txt", people=[ben])
    before = world.details()
    await world.back_up()
    world.edit("unshare", "a.txt")
    restore = await world.restore(1)
    assert (restore.counts.existing, world.details()) == (1, {})
    restore = await world.restore(1, conflict=ConflictRule.REPLACE)
    assert restore.counts.existing == 1
    assert world.details()["/a.txt"]["grants"] == before["/a.txt"]["grants"]
    since = world.tenant.control.log_position()
    await world.restore(1, conflict=ConflictRule.REPLACE)
    assert "drive.invite" not in {entry["operation"] for entry in world.tenant.control.log(since)}


async def test_permissions_that_cannot_be_read_are_told_and_read_by_the_next_sweep(world: DriveWorld) -> None:
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    world.edit("put_file", "a.txt", b"a")
    world.edit("share", "a.txt", people=[ben])
    world.tenant.control.add_fault(match={"operation": "drive.permissions"}, action={"status": 403}, times=1)
    await world.back_up()
    assert (await world.children(1))["a.txt"].change.properties["permissionsUnread"] == "403"
    world.now = START + timedelta(days=8)
    await world.back_up()
    assert world.content_requests == 0
    assert (await world.children(2))["a.txt"].change.properties["permissions"]
    world.edit("delete_file", "a.txt")
    restore = await world.restore(1)
    assert "could not be read on the day" in restore.problems[0].error


# ---- what it was


async def test_as_many_earlier_versions_as_wanted_are_stored_once_each(world: DriveWorld) -> None:
    world.versions = 2
    for number in range(4):
        world.edit("put_file", "Docs/a.txt", b"content %d" % number)
    world.edit("put_file", "once.txt", b"once")
    outcome = await world.back_up()
    assert outcome.counts.stored == 4  # two files, two earlier versions
    docs = (await world.children(1))["Docs"].change.item_id
    file = (await world.children(1, docs))["a.txt"]
    versions = await world.children(1, file.change.item_id)
    assert {name: await world.bytes_of(entry) for name, entry in versions.items()} == {
        "a (version 3.0).txt": b"content 2",
        "a (version 2.0).txt": b"content 1",
    }
    world.edit("rename_file", "Docs/a.txt", "b.txt")
    await world.back_up()
    assert world.content_requests == 0
    world.edit("put_file", "Docs/b.txt", b"content 4")
    await world.back_up()
    assert world.asked["drive.versionContent"] == 1
    found = await world.children(3, file.change.item_id)
    assert [await world.bytes_of(found[name]) for name in sorted(found)] == [b"content 2", b"content 3"]
    assert len(await world.children(1, file.change.item_id)) == 2


async def test_a_version_comes_back_as_a_copy_and_a_file_as_it_is(world: DriveWorld) -> None:
    world.versions = 5
    for number in range(3):
        world.edit("put_file", "Docs/a.txt", b"content %d" % number, modified="2020-01-01T00:00:00Z")
    await world.back_up()
    docs = (await world.children(1))["Docs"].change.item_id
    file = (await world.children(1, docs))["a.txt"].change.item_id
    wanted = (await world.children(1, file))["a (version 1.0).txt"].change.item_id
    world.edit("delete_file", "Docs")
    restore = await world.restore(1)
    assert (restore.counts.planned, restore.counts.restored) == (1, 1)
    restore = await world.restore(1, Selection(item_ids=(wanted,)))
    assert restore.counts.restored == 1
    world.edit("delete_file", "Docs")
    restore = await world.restore(1, Selection(item_ids=(wanted,)), into="Back")
    paths = {entry["path"] for entry in world.edit("files") if entry["kind"] == "file"}
    assert paths == {"/Back/Docs/a (version 1.0).txt"}


async def test_versions_go_with_their_file_and_with_the_folder_above(world: DriveWorld) -> None:
    world.versions = 5
    for name in ("Docs/a.txt", "Docs/Deep/b.txt", "c.txt"):
        for number in range(2):
            world.edit("put_file", name, b"%d" % number)
    await world.back_up()
    world.tenant.control.change_settings(world.tenant.id, report_deleted_descendants=False)
    world.edit("delete_file", "c.txt")
    await world.back_up()
    assert set(await world.children(2)) == {"Docs"}
    world.edit("delete_file", "Docs")
    outcome = await world.back_up()
    assert outcome.counts.deleted == 6  # two folders, two files, two versions
    snapshot = await world.vault.snapshot(world.tenant.drive.id, 3)
    catalog = await world.vault.open_catalog(snapshot.segments)
    try:
        assert await catalog.live_packs() == {}
    finally:
        await catalog.aclose()


async def test_another_number_of_versions_holds_from_the_next_run_on(world: DriveWorld) -> None:
    for number in range(4):
        world.edit("put_file", "a.txt", b"content %d" % number)
    await world.back_up()
    file = (await world.children(1))["a.txt"].change.item_id
    for wanted in (3, 1, 0):
        world.versions = wanted
        outcome = await world.back_up()
        assert len(await world.children(outcome.seq, file)) == wanted
    assert await world.bytes_of((await world.children(4))["a.txt"]) == b"content 3"
    await world.back_up()
    assert world.asked == Counter({"drive.delta": 1})


async def test_a_large_earlier_version_is_streamed_and_shares_what_is_stored(world: DriveWorld) -> None:
    world.versions = 1
    world.edit("put_generated_file", "large.bin", 6 << 20, seed="one", with_hash=True)
    first = await world.back_up()
    world.edit("put_generated_file", "large.bin", 6 << 20, seed="two", with_hash=True)
    second = await world.back_up()
    assert (second.counts.stored, second.counts.read_bytes) == (2, 12 << 20)
    assert second.counts.written_bytes < first.counts.written_bytes * 1.1, "yesterday's content was stored again"
    file = (await world.children(2))["large.bin"].change.item_id
    (version,) = (await world.children(2, file)).values()
    assert len(await world.bytes_of(version)) == 6 << 20


@pytest.mark.parametrize("action", [{"cut_after_bytes": 3_000_000}, {"truncate": 1_000_000}, {"status": 401}])
async def test_a_version_is_read_on_after_a_break(world: DriveWorld, action: dict[str, int]) -> None:
    world.versions = 1
    for seed in ("one", "two"):
        world.edit("put_generated_file", "large.bin", 6 << 20, seed=seed, with_hash=True)
    world.tenant.control.add_fault(match={"operation": "drive.download"}, action=action, skip=1, times=1)
    outcome = await world.back_up()
    assert (outcome.counts.stored, outcome.counts.failed, world.asked["drive.versionContent"]) == (2, 0, 2)


async def test_an_expired_cursor_keeps_the_versions(world: DriveWorld) -> None:
    world.versions = 2
    for number in range(3):
        world.edit("put_file", "a.txt", b"content %d" % number)
    await world.back_up()
    world.tenant.control.set_clock(world.tenant.id, advance_s=400 * 86_400)
    outcome = await world.back_up()
    assert (outcome.counts.stored, outcome.counts.deleted, world.content_requests) == (0, 0, 0)
    file = (await world.children(2))["a.txt"].change.item_id
    assert len(await world.children(2, file)) == 2


# ---- what is withheld


async def test_a_checked_out_file_is_stored_as_checked_in_and_its_draft_is_named(world: DriveWorld) -> None:
    world.edit("put_file", "a.txt", b"published")
    world.edit("put_file", "b.txt", b"b")
    world.edit("check_out", "a.txt", draft=b"draft")
    await world.back_up()
    snapshot = await world.vault.snapshot(world.tenant.drive.id, 1)
    assert [(skip.name, skip.cause) for skip in snapshot.skips] == [("a.txt", SkipCause.CHECKED_OUT_DRAFT)]
    assert await world.bytes_of((await world.children(1))["a.txt"]) == b"published"
    world.edit("put_file", "b.txt", b"other")
    restore = await world.restore(1, conflict=ConflictRule.REPLACE)
    assert (restore.counts.restored, restore.counts.existing) == (1, 1)
    world.edit("check_in", "a.txt")
    await world.back_up()
    assert (await world.vault.snapshot(world.tenant.drive.id, 2)).skips == ()
    assert await world.bytes_of((await world.children(2))["a.txt"]) == b"draft"
    world.edit("check_out", "a.txt")
    restore = await world.restore(1, conflict=ConflictRule.REPLACE)
    assert restore.counts.failed == 1
    assert "checked out" in restore.problems[0].error
