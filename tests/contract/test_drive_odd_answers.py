"""Answers that concern one file of a drive: what they say of it holds for no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared_code.model.outcome import SkipCause
from tests.fakes.drive_world import DriveWorld, drive_world
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
async def world(tenant: SimulatedTenant, tmp_path: Path) -> AsyncIterator[DriveWorld]:
    async with drive_world(tenant, tmp_path) as world:
        world.versions = 2
        for name in ("a.txt", "b.txt"):
            for number in range(3):
                world.edit("put_file", name, b"%d of " % number + name.encode())
        yield world


async def _version_counts(world: DriveWorld, seq: int) -> dict[str, int]:
    files = await world.children(seq)
    return {name: len(await world.children(seq, file.change.item_id)) for name, file in files.items()}


def _refuse_versions(world: DriveWorld, file_id: str, status: int) -> int:
    match = {"operation": "drive.versions", "path_regex": f"/items/{file_id}/"}
    return world.tenant.control.add_fault(match=match, action={"status": status})


async def _skips(world: DriveWorld, seq: int) -> dict[str, SkipCause]:
    return {skip.name: skip.cause for skip in (await world.vault.snapshot(world.tenant.drive.id, seq)).skips}


def _expire_cursor(world: DriveWorld) -> None:
    world.tenant.control.set_clock(world.tenant.id, advance_s=400 * 86_400)


async def test_an_infected_file_keeps_its_earlier_versions_when_the_drive_is_listed_anew(world: DriveWorld) -> None:
    await world.back_up()
    world.edit("mark_malware", "a.txt")
    _expire_cursor(world)
    outcome = await world.back_up()
    assert await _skips(world, 2) == {"a.txt": SkipCause.MALWARE}
    assert (outcome.counts.deleted, await _version_counts(world, 2)) == (0, {"a.txt": 2, "b.txt": 2})


@pytest.mark.parametrize("status", [400, 403, 423])
async def test_a_file_whose_versions_are_refused_stops_no_other_and_is_named(world: DriveWorld, status: int) -> None:
    ids = {change.name: change.item_id for change in await world.all_changes()}
    fault = _refuse_versions(world, ids["a.txt"], status)
    outcome = await world.back_up()
    assert (outcome.counts.stored, outcome.counts.failed) == (4, 0)
    assert await _version_counts(world, 1) == {"a.txt": 0, "b.txt": 2}
    assert await _skips(world, 1) == {"a.txt": SkipCause.VERSIONS_UNREAD}
    assert (await world.children(1))["a.txt"].change.properties["versionsUnread"] == str(status)
    world.tenant.control.remove_fault(fault)
    world.now += timedelta(days=8)
    await world.back_up()
    assert await _version_counts(world, 2) == {"a.txt": 2, "b.txt": 2}
    assert await _skips(world, 2) == {}
    assert "versionsUnread" not in (await world.children(2))["a.txt"].change.properties


async def test_versions_that_are_stored_outlast_a_listing_that_may_not_see_them(world: DriveWorld) -> None:
    await world.back_up()
    _refuse_versions(world, (await world.children(1))["a.txt"].change.item_id, 403)
    _expire_cursor(world)
    outcome = await world.back_up()
    assert (outcome.counts.deleted, await _version_counts(world, 2)) == (0, {"a.txt": 2, "b.txt": 2})
    assert await _skips(world, 2) == {"a.txt": SkipCause.VERSIONS_UNREAD}
