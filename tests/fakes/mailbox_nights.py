"""One mailbox of the simulated tenant, backed up night after night into a vault in memory, and compared with itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.graph.client import GraphClient
from shared_code.graph.mailboxes.settings import SETTINGS_ID
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.model.item import Form, ItemVersion
from shared_code.model.restore import Selection
from shared_code.model.run import ResourceOutcome, RunState
from shared_code.vault.customer_vault import CustomerVault
from tests.fakes.backup_bench import TERMS
from tests.fakes.captured import capture
from tests.fakes.memory_damage import MemoryDamage
from tests.fakes.restored import contents_of
from tests.fakes.simulated_tenant import SimulatedTenant

NOW = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


class Nights:
    """``count`` is the number of the newest snapshot. ``budget`` bounds each slice."""

    def __init__(
        self,
        tenant: SimulatedTenant,
        vault: CustomerVault,
        client: GraphClient,
        *,
        recoverable_items: bool = False,
        budget: SliceBudget | None = None,
    ) -> None:
        self.tenant, self.vault, self.client = tenant, vault, client
        self.recoverable_items = recoverable_items
        self.budget = budget or SliceBudget()
        self.count = 0
        self.since = 0

    def source(self) -> MailboxSource:
        return MailboxSource(self.client, recoverable_items=self.recoverable_items)

    async def run(self) -> ResourceOutcome:
        """One night's backup. Each slice has a source of its own, for it may be on another host."""
        self.count += 1
        self.since = self.tenant.control.log_position()
        for _ in range(200):
            copier = ResourceCopier(
                "acme", self.vault, self.source(), MemoryDamage(), TERMS, self.budget, lambda: NOW, lambda: 0.0
            )
            outcome = (await copier.run_slice(self.tenant.mailbox, f"r{self.count}")).outcome
            if outcome:
                return outcome
        raise AssertionError("the run does not end")

    async def whole(self) -> ResourceOutcome:
        """One night's backup whose snapshot equals the mailbox: every folder at its place, every item byte by byte."""
        outcome = await self.run()
        assert outcome.state is RunState.COMPLETE, outcome
        assert await self.snapshot() == await self.mailbox()
        return outcome

    def asked(self) -> list[str]:
        """The operations that the newest run asked for."""
        return [entry["operation"] for entry in self.tenant.control.log(self.since)]

    async def items(self) -> set[str]:
        """Ids of the items of the newest snapshot, without the settings."""
        return set(await contents_of(self.vault, self.tenant.mailbox.id, self.count)) - {SETTINGS_ID}

    async def folders(self) -> set[str]:
        """Names of the folders of the newest snapshot."""
        return {version.change.name for version in await self.versions() if version.change.kind.is_folder}

    async def versions(self) -> list[ItemVersion]:
        """Every living item and folder of the newest snapshot."""
        snapshot = await self.vault.snapshot(self.tenant.mailbox.id, self.count)
        reader = await self.vault.open_reader(snapshot.segments)
        try:
            found = list(await reader.selected_folders(Selection(everything=True)))
            after = ""
            while page := await reader.selected(Selection(everything=True), after, 500):
                found += page
                after = page[-1].change.item_id
            return found
        finally:
            await reader.aclose()

    async def snapshot(self) -> dict[str, Any]:
        """What the newest snapshot holds, by id."""
        contents = await contents_of(self.vault, self.tenant.mailbox.id, self.count)
        return {
            version.change.item_id: _facts(version, contents.get(version.change.item_id, {}))
            for version in await self.versions()
        }

    async def mailbox(self) -> dict[str, Any]:
        """What a fresh listing of the mailbox finds, by id."""
        captured = await capture(self.source(), self.tenant.mailbox)
        return {
            item_id: _facts(
                version, {str(form): data for (key, form), data in captured.content.items() if key == item_id}
            )
            for item_id, version in captured.versions.items()
        }


def _facts(version: ItemVersion, forms: dict[str, bytes]) -> Any:
    change = version.change
    facts = (change.kind, change.parent_id, change.name, dict(change.properties))
    return (*facts, change.etag, forms.get(str(Form.NATIVE)), forms.get(str(Form.READABLE)))
