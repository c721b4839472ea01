"""A whole run while a fifth of all requests goes wrong: it ends, and it stored what a run without faults stores.

Every workload takes part that the directory lists and ``SOURCES`` knows; a new one adds an entry there, one to ``FILL``
of the whole tenant, and, if its answers can be damaged in a way of their own, one to ``FAULTS``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.backup.runs import CustomerRuns, Step, Waits
from shared_code.graph.client import GraphClient
from shared_code.graph.directory import TenantDirectory
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.retry_policy import RetryPolicy
from shared_code.graph.sites.source import SiteSource
from shared_code.graph.teams.source import TeamSource
from shared_code.model.resource import Customer, ResourceKind
from shared_code.model.restore import Selection
from shared_code.model.run import Run, RunState
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.memory_blob import MemoryBlobStore
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import Office
from tests.fakes.simulated_tenant import SimulatedTenant, simulated_tenants
from tests.fakes.whole_tenant import FILL

SOURCES: dict[ResourceKind, Callable[[GraphClient], Source]] = {
    ResourceKind.MAILBOX: MailboxSource,
    ResourceKind.DRIVE: DriveSource,
    ResourceKind.SITE: SiteSource,
    ResourceKind.TEAM: TeamSource,
}


def _rule(probability: float, action: dict[str, Any], **match: str) -> dict[str, Any]:
    return {"probability": probability, "action": action, "match": match}


# Together a fifth of all requests: of those that a rule does not match, more by the others. Bodies are only damaged
# where HTTP or the service lets a client notice: within JSON, and where a length or a hash was announced.
_GRAPH = r"^/(v1\.0|_download)/"
_LISTED = r"users(\?|$)|drives/.*delta|admin/.*/(folders/delta|exportItems)|sites|teams(?!.*value)"
_JSON = {"path_regex": rf"^/v1\.0/(\$batch|{_LISTED})"}
FAULTS = [
    _rule(0.03, {"status": 429, "retry_after_s": 2}, path_regex=_GRAPH),
    _rule(0.03, {"status": 500}, path_regex=_GRAPH),
    _rule(0.03, {"status": 502}, path_regex=_GRAPH),
    _rule(0.03, {"status": 503, "retry_after_s": 1}, path_regex=_GRAPH),
    _rule(0.03, {"status": 504}, path_regex=_GRAPH),
    _rule(0.50, {"status": 410}, path_regex=r"/drives/.*delta\?.*token="),
    _rule(0.30, {"status": 410}, path_regex=r"/lists/.*delta.*token="),
    _rule(0.15, {"status": 410}, path_regex=r"delta\?.*token="),
    _rule(0.15, {"status": 410}, operation="messages.all"),
    _rule(0.03, {"status": 401}, operation="drive.download"),
    _rule(0.03, {"status": 404}, operation="drive.download"),
    _rule(0.04, {"corrupt_bytes": 3}, operation="drive.download"),
    _rule(0.03, {"truncate": 40}, operation="drive.download"),
    _rule(0.10, {"truncate": 40}, operation="batch"),
    _rule(0.10, {"truncate": 40}, operation="mailbox.export"),
    _rule(0.10, {"truncate": 40}, operation="drive.delta"),
    _rule(0.10, {"truncate": 40}, operation="list.*"),
    _rule(0.10, {"truncate": 40}, operation="messages.*"),
    _rule(0.10, {"cut_after_bytes": 30}, **_JSON),
    _rule(0.03, {"cut_after_bytes": 30}, operation="drive.download"),
]


class _Service:
    """A customer's runs with a vault of their own."""

    def __init__(self, client: GraphClient, directory: Path) -> None:
        directory.mkdir()
        self.vault = CustomerVault(MemoryBlobStore(_now), "acme", directory)
        self.ledger = MemoryRuns()
        office = Office()
        self.runs = CustomerRuns(
            Customer("acme", "Acme", "11111111-1111-1111-1111-111111111111"),
            runs=self.ledger,
            directory=TenantDirectory(client),
            container=office,
            agreement=office.agreement,
            copiers=lambda kind, agreed: ResourceCopier(
                "acme",
                self.vault,
                SOURCES[kind](client),
                MemoryDamage(),
                agreed.terms,
                SliceBudget(items=60),
                _now,
                lambda: 0.0,
            ),
            now=_now,
            waits=Waits(0.0, 0.0),
        )

    async def run(self, run_id: str) -> Run:
        """One run from plan to close; nobody has to wait."""
        await self.runs.plan(run_id)
        for _ in range(100):
            page = await self.runs.round(run_id, -1, 1000)
            if not page.numbers:
                return await self.runs.close(run_id)
            for number in page.numbers:
                assert await self.runs.work_on(run_id, number) in Step
        raise AssertionError("the run does not end")

    async def snapshots(self, run_id: str) -> dict[str, Any]:
        """All that a run committed, by resource: items with their properties and content, failures, skips."""
        found: dict[str, Any] = {}
        for task in self.ledger.tasks_by_run[run_id].values():
            assert task.outcome is not None
            snapshot = await self.vault.snapshot(task.resource.id, task.outcome.seq)
            failures = sorted((entry.feed, entry.change.item_id) for entry in snapshot.failures)
            skips = sorted((entry.item_id, str(entry.cause)) for entry in snapshot.skips)
            found[task.resource.id] = (await self._items(snapshot.segments), failures, skips)
        return found

    async def _items(self, segments: Any) -> dict[str, Any]:
        reader = await self.vault.open_reader(segments)
        items: dict[str, Any] = {}
        try:
            for version in await reader.selected_folders(Selection(everything=True)):
                items[version.change.item_id] = (version.feed, version.change.to_json(), {})
            after = ""
            while versions := await reader.selected(Selection(everything=True), after, 200):
                for version in versions:
                    contents: dict[str, bytes] = {}
                    for entry in version.representations:
                        contents[str(entry.form)] = b"".join([part async for part in self.vault.read(entry)])
                    items[version.change.item_id] = (version.feed, version.change.to_json(), contents)
                after = versions[-1].change.item_id
        finally:
            await reader.aclose()
        return items


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tenant() -> Iterator[SimulatedTenant]:
    yield from simulated_tenants()


async def test_a_run_through_faults_stores_what_a_run_without_them_does(
    tenant: SimulatedTenant, tmp_path: Path
) -> None:
    policy = RetryPolicy(max_attempts=20)
    async with tenant.client(policy=policy) as steady_client, tenant.client(policy=policy) as faulty_client:
        steady = _Service(steady_client, tmp_path / "steady")
        faulty = _Service(faulty_client, tmp_path / "faulty")
        fired: Counter[int] = Counter()
        asked = 0
        edits = [fill(tenant) for fill in FILL]
        for day in range(2):
            for edit in edits if day else ():
                edit()
            assert (await steady.run(f"steady-{day}")).state is RunState.COMPLETE
            position = tenant.control.log_position()
            run = await _through_faults(tenant, faulty, day, fired)
            asked += tenant.control.log_position() - position
            expected = await steady.snapshots(f"steady-{day}")
            found = await faulty.snapshots(run.id)
            assert found.keys() == expected.keys()
            assert {resource_id.split(".")[0] for resource_id in found} == {str(kind) for kind in SOURCES}
            for resource_id, snapshot in expected.items():
                assert found[resource_id] == snapshot, resource_id
    assert 0.18 < fired.total() / asked < 0.35
    assert min(fired.values()) > 0, "some fault never happened"


async def _through_faults(tenant: SimulatedTenant, service: _Service, day: int, fired: Counter[int]) -> Run:
    """One run, of which a fifth of all requests goes wrong, on the first day in each way at least once. A file that was
    unlucky every time is named and makes it partial; then the next run, as unlucky, takes it from the retry list."""
    for attempt in range(3):
        places = [*range(len(FAULTS))]
        for rule in FAULTS:
            tenant.control.add_fault(**rule, seed=1_000 * day + attempt)
        for number, rule in enumerate(FAULTS):
            if attempt or (day and rule["action"].get("status") != 410):
                continue  # all of them would meet the few files that there are to read
            skip = 7 * number + 3 if rule["match"].get("path_regex") == _GRAPH else 0
            times = 2 if day else 1  # both lists of the site
            tenant.control.add_fault(**{**rule, "probability": 1.0}, times=times, skip=skip)
            places.append(number)
        run = await service.run(f"faulty-{day}-{attempt}")
        for place, hits in zip(places, tenant.control.fault_hits().values(), strict=True):
            fired[place] += hits
        tenant.control.clear_faults()
        if run.state is RunState.COMPLETE:
            return run
        assert run.state is RunState.PARTIAL
        assert 0 < run.counts.failed < 5
    raise AssertionError("three runs did not get everything")
