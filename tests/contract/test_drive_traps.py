"""Backups of a drive at moments when its answers are easily taken wrong, each against what a restore would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.model.item import ItemKind
from shared_code.model.outcome import SkipCause
from shared_code.model.restore import ConflictRule
from tests.contract.test_source_traps import change_answers
from tests.fakes.drive_world import START, DriveWorld, drive_world
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

BOTH_RESYNCS = ("resyncChangesApplyDifferences", "resyncChangesUploadDifferences")


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
async def world(tenant: SimulatedTenant, tmp_path: Path) -> AsyncIterator[DriveWorld]:
    async with drive_world(tenant, tmp_path) as world:
        yield world


@pytest.mark.parametrize("code", BOTH_RESYNCS)
async def test_a_forgotten_cursor_costs_a_listing_whatever_differences_it_asks_for(
    world: DriveWorld, code: str
) -> None:
    world.tenant.control.change_settings(world.tenant.id, resync_code=code)
    for name in ("stays", "changes", "goes", "moves"):
        world.edit("put_file", f"Docs/{name}", name.encode())
    world.edit("mkdir", "Docs/Empty")
    world.edit("mkdir", "Docs/Folder")
    await world.back_up()
    world.edit("put_file", "Docs/changes", b"changed")
    world.edit("delete_file", "Docs/goes")
    world.edit("delete_file", "Docs/Folder")
    world.edit("move_file", "Docs/moves", "Other")
    world.tenant.control.set_clock(world.tenant.id, advance_s=400 * 86_400)
    since = world.tenant.control.log_position()
    outcome = await world.back_up()
    assert [entry["status"] for entry in world.tenant.control.log(since) if entry["status"] >= 400] == [410]
    assert (outcome.counts.stored, outcome.counts.deleted, world.asked["drive.download"]) == (1, 2, 1)
    found = await world.everything(2)
    assert set(found) == {"/Docs", "/Docs/stays", "/Docs/changes", "/Docs/Empty", "/Other", "/Other/moves"}
    assert await world.bytes_of(found["/Docs/changes"]) == b"changed"


async def test_a_sweep_whose_cursor_is_forgotten_on_the_way_is_made_up_for(world: DriveWorld) -> None:
    world.tenant.control.change_settings(world.tenant.id, sharing_shows_in_delta=False)
    world.edit("generate_files", 700, 10)
    world.edit("put_file", "a.txt", b"a")
    await world.back_up()
    world.edit("share", "a.txt", link_type="view", link_scope="organization")
    world.now = START + timedelta(days=7)
    fault = {"status": 410, "code": "resyncRequired"}
    rule = world.tenant.control.add_fault(match={"operation": "drive.delta"}, action=fault, skip=2, times=1)
    outcome = await world.back_up_until_done()
    assert world.tenant.control.remove_fault(rule) == 1
    assert (outcome.counts.deleted, outcome.counts.stored) == (0, 0)
    world.now += timedelta(days=1)
    await world.back_up()
    assert (await world.children(world.runs))["a.txt"].change.properties["permissions"]


async def test_pages_that_repeat_store_nothing_twice(world: DriveWorld) -> None:
    seen: list[Any] = []

    def repeat(page: dict[str, Any]) -> None:
        if "value" in page:
            page["value"] = [*seen, *page["value"], *page["value"]]
            seen[:] = page["value"][:50]

    world.edit("generate_files", 900, 10)
    change_answers(world.client, repeat)
    outcome = await world.back_up()
    assert outcome.counts.stored == 900
    assert sum(version.change.kind is ItemKind.FILE for version in (await world.everything(1)).values()) == 900


async def test_of_two_words_on_an_item_the_last_one_holds(world: DriveWorld) -> None:
    def stale_first(page: dict[str, Any]) -> None:
        files = [value for value in page.get("value", []) if value.get("name") == "new name.txt"]
        page["value"] = [{**value, "name": "old name.txt", "eTag": '"old"'} for value in files] + page.get("value", [])

    world.edit("put_file", "new name.txt", b"a")
    change_answers(world.client, stale_first)
    await world.back_up()
    assert set(await world.children(1)) == {"new name.txt"}


async def test_a_tree_that_moves_brings_everything_and_reads_nothing(world: DriveWorld) -> None:
    for number in range(20):
        world.edit("put_file", f"Tree/Deep/{number % 3}/{number}.txt", b"%d" % number)
    world.edit("mkdir", "Tree/Empty")
    await world.back_up()
    before = {path.removeprefix("/Tree") for path in await world.everything(1)}
    world.edit("move_file", "Tree", "Archive/2026", "Oak")
    outcome = await world.back_up()
    assert (outcome.counts.stored, outcome.counts.deleted, world.content_requests) == (0, 0, 0)
    found = await world.everything(2)
    assert {path.removeprefix("/Archive/2026/Oak") for path in found if path.startswith("/Archive/2026/Oak")} == before
    assert not [path for path in found if path.startswith("/Tree")]


async def test_a_rename_by_case_only_is_a_rename(world: DriveWorld) -> None:
    world.edit("put_file", "docs/readme.txt", b"a")
    await world.back_up()
    world.edit("rename_file", "docs/readme.txt", "README.txt")
    world.edit("rename_file", "docs", "Docs")
    await world.back_up()
    assert set(await world.everything(2)) == {"/Docs", "/Docs/README.txt"}
    assert world.content_requests == 0
    world.edit("delete_file", "Docs")
    await world.restore(2)
    assert {entry["path"] for entry in world.edit("files")} == {"/Docs", "/Docs/README.txt"}


async def test_names_that_are_swapped_stay_with_their_contents(world: DriveWorld) -> None:
    first, second = world.edit("put_file", "a.txt", b"first"), world.edit("put_file", "b.txt", b"second")
    await world.back_up()
    for path, name in (("a.txt", "c.txt"), ("b.txt", "a.txt"), ("c.txt", "b.txt")):
        world.edit("rename_file", path, name)
    await world.back_up()
    found = await world.children(2)
    assert {name: version.change.item_id for name, version in found.items()} == {"a.txt": second, "b.txt": first}
    assert await world.bytes_of(found["a.txt"]) == b"second"


async def test_siblings_of_the_same_name_are_two(world: DriveWorld) -> None:
    def same_names(page: dict[str, Any]) -> None:
        for value in page.get("value", []):
            if value.get("name") == "other.txt":
                value["name"] = "a.txt"

    ids = {world.edit("put_file", "a.txt", b"first"), world.edit("put_file", "other.txt", b"second")}
    change_answers(world.client, same_names)
    outcome = await world.back_up()
    assert outcome.counts.stored == 2
    for name in ("a.txt", "other.txt"):
        world.edit("delete_file", name)
    restore = await world.restore(1, conflict=ConflictRule.KEEP_BOTH)
    assert restore.counts.restored == len(ids)
    assert {entry["path"] for entry in world.edit("files")} == {"/a.txt", "/a (restored).txt"}


async def test_the_same_content_is_read_once(world: DriveWorld) -> None:
    world.edit("put_file", "a.txt", b"the same")
    await world.back_up()
    world.edit("put_file", "Copy/b.txt", b"the same")
    outcome = await world.back_up()
    assert (outcome.counts.reused, outcome.counts.stored, world.content_requests) == (1, 0, 0)
    assert await world.bytes_of((await world.everything(2))["/Copy/b.txt"]) == b"the same"


async def test_a_file_that_is_infected_later_comes_back_as_it_was_stored(world: DriveWorld) -> None:
    world.edit("put_file", "a.txt", b"good")
    world.edit("put_file", "b.txt", b"bad")
    world.edit("mark_malware", "b.txt")
    await world.back_up()
    world.edit("mark_malware", "a.txt")
    outcome = await world.back_up()
    assert outcome.counts.failed == 0
    skips = {skip.name: skip.cause for skip in (await world.snapshot(2)).skips}
    assert skips == {"a.txt": SkipCause.MALWARE, "b.txt": SkipCause.MALWARE}
    found = await world.children(2)
    assert set(found) == {"a.txt"}
    assert await world.bytes_of(found["a.txt"]) == b"good"


async def test_a_notebook_is_named_and_its_sections_come_back(world: DriveWorld) -> None:
    world.edit("put_file", "Book/Section.one", b"a section is a file")
    world.edit("mark_package", "Book")
    await world.back_up()
    assert [skip.cause for skip in (await world.snapshot(1)).skips] == [SkipCause.NOTEBOOK_PACKAGE]
    world.edit("delete_file", "Book")
    restore = await world.restore(1)
    assert restore.counts.restored == 1
    assert [entry["path"] for entry in world.edit("files")] == ["/Book", "/Book/Section.one"]


async def test_a_file_that_cannot_be_read_for_a_night_is_read_by_the_next(world: DriveWorld) -> None:
    world.edit("put_file", "a.txt", b"a")
    world.edit("put_file", "b.txt", b"b")
    rule = world.tenant.control.add_fault(
        match={"operation": "drive.download"}, action={"status": 403, "code": "accessDenied"}, times=2
    )
    first = await world.back_up()
    world.tenant.control.remove_fault(rule)
    assert first.counts.stored + first.counts.failed == 2
    second = await world.back_up()
    assert first.counts.stored + second.counts.stored == 2
    assert set(await world.children(2)) == {"a.txt", "b.txt"}
    assert (await world.snapshot(2)).failures == ()


async def test_no_bytes_are_bytes_too(world: DriveWorld) -> None:
    world.edit("put_file", "empty.txt", b"")
    world.edit("put_file", "empty, no hash.txt", b"", without_hash=True)
    await world.back_up()
    for version in (await world.children(1)).values():
        assert await world.bytes_of(version) == b""
    for name in ("empty.txt", "empty, no hash.txt"):
        world.edit("delete_file", name)
    restore = await world.restore(1)
    assert restore.counts.restored == 2


async def test_a_file_without_a_hash_that_moves_is_not_read_again_and_one_that_changes_is(world: DriveWorld) -> None:
    world.edit("put_file", "a.txt", b"one", without_hash=True)
    await world.back_up()
    world.edit("move_file", "a.txt", "Docs", "b.txt")
    await world.back_up()
    assert world.content_requests == 0
    world.edit("put_file", "Docs/b.txt", b"two", without_hash=True)
    await world.back_up()
    assert await world.bytes_of((await world.everything(3))["/Docs/b.txt"]) == b"two"


async def test_an_unchanged_drive_costs_one_request(world: DriveWorld) -> None:
    world.versions = 3
    world.edit("generate_files", 50, 10)
    await world.back_up()
    await world.back_up()
    assert world.asked == Counter({"drive.delta": 1})


async def test_every_page_is_asked_for_what_would_else_not_be_told(world: DriveWorld) -> None:
    """Things out of sight as deletions, what lies below folders out of sight, and changes of sharing."""
    preferred: list[set[str]] = []
    read = world.client.get_json

    async def get_json(info: Any, *more: Any) -> dict[str, Any]:
        preferred.append({part.strip() for value in info.headers.get("Prefer") for part in value.split(",")})
        return await read(info, *more)

    world.client.get_json = get_json  # type: ignore[method-assign]
    world.edit("generate_files", 600, 10)
    await world.back_up()
    assert len(preferred) == 2
    expected = {"deltashowremovedasdeleted", "deltatraversepermissiongaps", "deltashowsharingchanges"}
    assert all(expected <= entry for entry in preferred)


@pytest.mark.parametrize("seed", [1, 2])
async def test_faults_on_a_fifth_of_all_requests_change_nothing(world: DriveWorld, seed: int) -> None:
    world.versions = 2
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    for number in range(40):
        for round_number in range(1 + number % 3):
            world.edit("put_file", f"Docs/{number % 4}/{number}.txt", b"%d, %d" % (number, round_number) * 100)
        if number % 5 == 0:
            world.edit("share", f"Docs/{number % 4}/{number}.txt", people=[ben])
    world.edit("put_generated_file", "large.bin", 9 << 20, with_hash=True)
    actions: tuple[dict[str, int], ...] = (
        {"status": 429, "retry_after_s": 0},
        {"status": 503},
        {"status": 500},
        {"status": 504},
        {"cut_after_bytes": 20},
        {"truncate": 10},
        {"corrupt_bytes": 1},
    )
    for index, action in enumerate(actions):
        match = {"operation": "drive.download" if "corrupt_bytes" in action else "drive.*"}
        world.tenant.control.add_fault(match=match, action=action, probability=0.2 / 7, seed=seed * 100 + index)
    outcome = await world.back_up_until_done()
    assert sum(world.tenant.control.fault_hits().values()) > 5
    world.tenant.control.clear_faults()
    if outcome.counts.failed:
        outcome = await world.back_up()
    faulty = await world.everything(outcome.seq)
    calm = await world.listed()
    assert {path: version.change.etag for path, version in faulty.items()} == calm
