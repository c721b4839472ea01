"""Days of random edits: after each, the newest snapshot is what a fresh listing of the drive says."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.tenant.control.connection import ControlError
from shared_code.model.item import ItemKind
from tests.fakes.drive_world import DriveWorld, drive_world
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants

DAYS = 8
FOLDERS = ("", "A", "A/B", "C", "C/D", "e")
NAMES = ("one.txt", "two.txt", "TWO.txt", "three.bin", "e", "B")


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
async def world(tenant: SimulatedTenant, tmp_path: Path) -> AsyncIterator[DriveWorld]:
    async with drive_world(tenant, tmp_path) as world:
        yield world


def _edit(world: DriveWorld, chance: random.Random, ben: str) -> None:
    """One edit; one that cannot be (a name that is taken, a folder below itself) is none."""
    there = [entry["path"].strip("/") for entry in world.edit("files")] or ["one.txt"]
    path, folder, name = chance.choice(there), chance.choice(FOLDERS), chance.choice(NAMES)
    new_path = f"{folder}/{name}".strip("/")
    edits: list[Any] = [
        lambda: world.edit(
            "put_file", new_path, b"content %d" % chance.randrange(4), without_hash=chance.random() < 0.2
        ),
        lambda: world.edit("put_file", path, b"content %d" % chance.randrange(4)),
        lambda: world.edit("mkdir", new_path),
        lambda: world.edit("move_file", path, folder),
        lambda: world.edit("rename_file", path, name),
        lambda: world.edit("rename_file", path, path.rpartition("/")[2].swapcase()),
        lambda: world.edit("delete_file", path),
        lambda: world.edit("share", path, people=[ben], role=chance.choice(("read", "write"))),
        lambda: world.edit("share", path, link_type="view", link_scope="organization"),
        lambda: world.edit("unshare", path),
        lambda: world.edit("check_out", path),
        lambda: world.edit("check_in", path),
        lambda: world.edit("set_times", path, modified=f"2020-01-0{chance.randrange(1, 9)}T00:00:00Z"),
    ]
    try:
        chance.choice(edits)()
    except ControlError:
        return


def _strange_day(world: DriveWorld, chance: random.Random) -> None:
    """The source answers otherwise than yesterday, or has forgotten the cursor."""
    names = ("drive_delta_duplicates", "drive_delta_children_first", "report_deleted_descendants")
    world.tenant.control.change_settings(world.tenant.id, **{chance.choice(names): chance.random() < 0.5})
    if chance.random() < 0.2:
        world.tenant.control.set_clock(world.tenant.id, advance_s=40 * 86_400)
    if chance.random() < 0.2:
        world.versions = chance.randrange(4)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_newest_snapshot_is_what_the_source_says(world: DriveWorld, seed: int) -> None:
    chance = random.Random(seed)
    ben = world.tenant.control.add_user(world.tenant.id, "Ben")["id"]
    world.versions = 2
    for day in range(1, DAYS + 1):
        for _ in range(chance.randrange(12)):
            _edit(world, chance, ben)
        _strange_day(world, chance)
        world.now += timedelta(days=1)
        outcome = await world.back_up()
        assert outcome.counts.failed == 0
        stored = {
            version.change.item_id: (version.change.parent_id, version.change.etag, _own_name(version.change))
            for version in (await world.everything(outcome.seq)).values()
        }
        assert stored == {
            change.item_id: (change.parent_id, change.etag, _own_name(change)) for change in await world.all_changes()
        }, f"day {day}"


def _own_name(change: Any) -> str:
    """A version is stored under the name that its file had on the day."""
    return "" if change.kind is ItemKind.FILE_VERSION else str(change.name)
