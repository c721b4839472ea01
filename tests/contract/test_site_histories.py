"""A site through many days of random edits: after each, the newest snapshot says what a fresh listing says, also when a
fifth of all requests goes wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.errors import SourceError
from shared_code.graph.client import GraphClient
from shared_code.graph.sites.source import SiteSource
from shared_code.model.item import Change, Form, ItemKind
from shared_code.model.resource import Resource
from shared_code.model.restore import Selection
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.backup_bench import TERMS
from tests.fakes.captured import capture
from tests.fakes.example_site import ExampleSite, fill_site
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants
from tests.fakes.site_edits import SiteEdits

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 429, "retry_after_s": 1},
    {"status": 500},
    {"status": 503},
    {"cut_after_bytes": 20},
    {"truncate": 20},
)
EARLIER_VERSIONS = 2
Contents = dict[str, tuple[str, str, str, object]]


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


@pytest.fixture
def example(tenant: SimulatedTenant) -> ExampleSite:
    return fill_site(tenant.control, tenant.id)


async def back_up(
    vault: CustomerVault, client: GraphClient, resource: Resource, run_id: str, day: int = 0
) -> ResourceOutcome:
    """A run of small slices, each with a source of its own; what breaks is tried again, as a run does."""
    now = NOW + timedelta(days=day)
    for _ in range(300):
        source = SiteSource(client, earlier_versions=EARLIER_VERSIONS, now=lambda: now)
        copier = ResourceCopier(
            "acme", vault, source, MemoryDamage(), TERMS, SliceBudget(items=20), lambda: NOW, lambda: 0.0
        )
        try:
            outcome = (await copier.run_slice(resource, run_id)).outcome
        except SourceError as error:
            assert error.retryable, error
            continue
        if outcome:
            return outcome
    raise AssertionError("the run does not end")


def comparable(data: bytes) -> object:
    """Content without what lookups show and without addresses, which are as of the item's own last change."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    if isinstance(value, dict):
        for name in ("lookups", "webUrl"):
            value.pop(name, None)
    return value


async def stored(vault: CustomerVault, resource: Resource, seq: int) -> Contents:
    """What a snapshot holds: name, parent, tag, content of each item, earlier versions of files too."""
    snapshot = await vault.snapshot(resource.id, seq)
    reader = await vault.open_reader(snapshot.segments)
    found: Contents = {}
    try:
        after = ""
        while versions := await reader.selected(Selection(everything=True), after, 100):
            after = versions[-1].change.item_id
            files = [each.change.item_id for each in versions if each.change.kind is ItemKind.FILE]
            earlier = [each for item_id in files for each in (await reader.children(item_id, 100)).versions]
            for version in [*versions, *earlier]:
                [native] = [each for each in version.representations if each.form is Form.NATIVE]
                data = b"".join([part async for part in vault.read(native)])
                found[version.change.item_id] = described(version.change, comparable(data))
        for folder in await reader.selected_folders(Selection(everything=True)):
            found[folder.change.item_id] = described(folder.change, None)
    finally:
        await reader.aclose()
    return found


async def listed(client: GraphClient, resource: Resource) -> Contents:
    """What a fresh listing of the site holds."""
    captured = await capture(SiteSource(client, earlier_versions=EARLIER_VERSIONS), resource)
    found: Contents = {}
    for item_id, version in captured.versions.items():
        is_folder = version.change.kind.is_folder
        data = None if is_folder else comparable(captured.content[item_id, Form.NATIVE])
        found[item_id] = described(version.change, data)
    return found


def described(change: Change, data: object) -> tuple[str, str, str, object]:
    """An item as it is compared. An earlier version keeps the name that its file had when it was stored."""
    name = "" if change.kind is ItemKind.FILE_VERSION else change.name
    return name, change.parent_id, change.etag, data


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_day_the_snapshot_says_what_a_fresh_listing_says(
    tenant: SimulatedTenant, example: ExampleSite, tmp_path: Path, seed: int
) -> None:
    resource, edits = example.resource, SiteEdits(tenant, example)
    chance = random.Random(seed)
    vault = CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)
    async with tenant.client() as client:
        for day in range(8):
            outcome = await back_up(vault, client, resource, f"r{day}", 3 * day)
            assert outcome.state is RunState.COMPLETE, outcome
            assert await stored(vault, resource, outcome.seq) == await listed(client, resource), f"day {day}"
            for _ in range(chance.randrange(12)):
                edits.one(chance)
            edits.share(chance)


async def test_with_faults_on_a_fifth_of_all_requests_nothing_is_missing(
    tenant: SimulatedTenant, example: ExampleSite, tmp_path: Path
) -> None:
    resource, edits = example.resource, SiteEdits(tenant, example)
    chance = random.Random(3)
    vault = CustomerVault(MemoryBlobStore(lambda: NOW), "acme", tmp_path)
    async with tenant.client() as client, tenant.client() as calm:
        for day in range(5):
            for number, action in enumerate(FAULTS):
                tenant.control.add_fault(action=action, probability=0.04, seed=day * 10 + number)
            outcome = await back_up(vault, client, resource, f"r{day}", 3 * day)
            tenant.control.clear_faults()
            if outcome.state is RunState.PARTIAL:  # what a fault hid for good is named, and is there on the next day
                outcome = await back_up(vault, client, resource, f"again{day}", 3 * day)
            assert outcome.state is RunState.COMPLETE, outcome
            assert await stored(vault, resource, outcome.seq) == await listed(calm, resource), f"day {day}"
            for _ in range(8):
                edits.one(chance)
            edits.share(chance)
