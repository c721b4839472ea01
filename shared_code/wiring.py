"""Composition root: Settings -> clients, vaults, use cases. The only place that knows every part.

Nothing is made at import. ``application()`` makes the one Application of the process at its first use; its clients
belong to the event loop of that use, which is the one that all async functions of a worker share.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential

from shared_code.backup.budget import SliceBudget
from shared_code.backup.copier import ResourceCopier
from shared_code.backup.ports import Source
from shared_code.backup.run_plan import RunPlan, run_plan
from shared_code.backup.runs import CustomerRuns
from shared_code.backup.schedule import NightlyWindow
from shared_code.config import GraphCredential, Settings, load_settings
from shared_code.errors import InvalidIdError
from shared_code.graph.client import GraphClient
from shared_code.graph.credentials import (
    LocalTokenCredential,
    certificate_credential,
    federated_credential,
    secret_credential,
)
from shared_code.graph.directory import TenantDirectory
from shared_code.graph.drives.source import DriveSource
from shared_code.graph.drives.target import DriveTarget
from shared_code.graph.governor import Governor
from shared_code.graph.mailboxes.source import MailboxSource
from shared_code.graph.mailboxes.target import MailboxTarget
from shared_code.graph.sites.source import SiteSource
from shared_code.graph.sites.target import SiteTarget
from shared_code.graph.teams.source import TeamSource
from shared_code.graph.teams.target import TeamTarget
from shared_code.ledger.contract import ContractLedger
from shared_code.ledger.customers import CustomerLedger
from shared_code.ledger.damage import DamageLedger
from shared_code.ledger.pauses import PauseLedger
from shared_code.ledger.protection import ProtectionLedger
from shared_code.ledger.restores import TableRestoreJournal
from shared_code.ledger.retention import RetentionLedger
from shared_code.ledger.runs import RunLedger
from shared_code.model.agreement import Agreement
from shared_code.model.lease import LeaseTerms
from shared_code.model.resource import CONTAINER_PREFIX, Customer, ResourceKind, check_customer_id
from shared_code.model.retention import PurgeReport
from shared_code.model.tenant_size import TenantSize
from shared_code.restore.ports import Target
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.service.contract import KeptContract
from shared_code.service.own_container import OwnContainer
from shared_code.service.retention import CustomerRetention
from shared_code.storage_clients import blobs_of, purge_blobs_of, tables_of
from shared_code.vault.azure_blob import AzureBlobStore, AzurePurge, PolicyMode
from shared_code.vault.blob_store import BlobStore
from shared_code.vault.customer_record import CustomerRecord
from shared_code.vault.customer_vault import CustomerVault
from shared_code.vault.keeping import VaultKeeping
from shared_code.vault.leases import LeasedStore
from shared_code.vault.purge import purge
from shared_code.vault.recover import RecoveredCustomer, rebuild

# An opened catalog of 60,000 messages takes some 90 MB. Two at once answer hardly sooner: opening one is work of a
# processor, not waiting.
CATALOGS_BROWSED_AT_ONCE = 1
# Apart from browsing, so that whoever wants something back does not wait behind those who look.
RESTORES_CHECKED_AT_ONCE = 1


class Application:
    """Everything that the triggers call."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.now = now
        self.window = NightlyWindow(settings.window_start_hour_utc, settings.window_hours)
        self._azure = None if settings.storage_connection else DefaultAzureCredential()
        tables = tables_of(settings, self._azure)
        self._blobs = blobs_of(settings, self._azure)
        self._graphs: dict[str, GraphClient] = {}
        self._stores: dict[str, AzureBlobStore] = {}
        self.customers = CustomerLedger(tables)
        self.run_ledger = RunLedger(tables)
        self.retention_ledger = RetentionLedger(tables, settings.lease_terms)
        self.protection_ledger = ProtectionLedger(tables)
        self._contracts = ContractLedger(
            self.customers, self.retention_ledger, self.protection_ledger, settings.most_retention_days
        )
        self._damage = DamageLedger(tables)
        self._pauses = PauseLedger(tables, now)
        self.restore_journal = TableRestoreJournal(tables)
        self._browse_gate = asyncio.Semaphore(CATALOGS_BROWSED_AT_ONCE)
        self._start_gate = asyncio.Semaphore(RESTORES_CHECKED_AT_ONCE)

    def vault(self, customer: Customer, terms: LeaseTerms) -> CustomerVault:
        """The customer's vault; what is written to it is leased on these terms."""
        store = LeasedStore(self._store(customer), terms, self.now)
        return CustomerVault(store, customer.id, Path(gettempdir()))

    def retention(self, customer: Customer) -> CustomerRetention:
        """Retention, legal holds, departure and checks of a customer."""
        return CustomerRetention(
            customer.id,
            keeping=self._keeping(customer),
            records=self.retention_ledger,
            index=self.run_ledger,
            contract=self.contract(customer),
            damage=self._damage.of(customer.id),
            most_retention_days=self.settings.most_retention_days,
            now=self.now,
        )

    def contract(self, customer: Customer) -> KeptContract:
        """What is agreed with a customer, as ledger and vault tell it."""
        return KeptContract(
            customer.id,
            ledger=self._contracts,
            record=CustomerRecord(self._store(customer), customer.id),
            default_terms=self.settings.lease_terms,
            now=self.now,
        )

    def _keeping(self, customer: Customer) -> VaultKeeping:
        return VaultKeeping(self._store(customer), customer.id, Path(gettempdir()), time.monotonic)

    def own_container(self, customer: Customer) -> OwnContainer:
        """The customer's container, whether and how it is protected."""
        return OwnContainer(
            self._store(customer),
            self.contract(customer),
            policies_locked=self.settings.worm_locked,
            local_run=self.settings.local_run,
        )

    async def purge(self, customer: Customer) -> PurgeReport:
        """Delete what the platform should have deleted, with the purge job's own identity; see purge.purge."""
        held = await self.retention_ledger.held_resources(customer.id)
        async with purge_blobs_of(self.settings) as service:
            identity = AzurePurge(service, customer.container_name)
            return await purge(self._store(customer), identity, self.now(), held)

    async def rebuild_ledger(self) -> list[RecoveredCustomer]:
        """Put back into the ledger what the vaults tell; see recover.rebuild."""
        return await rebuild(self._containers(), self.customers, self.run_ledger, self._contracts, self.now())

    async def _containers(self) -> AsyncIterator[tuple[str, BlobStore]]:
        async for container in self._blobs.list_containers(name_starts_with=CONTAINER_PREFIX):
            customer_id = container.name.removeprefix(CONTAINER_PREFIX)
            if _is_customer_id(customer_id):  # else it is nobody's vault
                yield customer_id, AzureBlobStore(self._blobs, container.name)

    def graph(self, customer: Customer) -> GraphClient:
        """The one client for the customer's tenant."""
        if customer.tenant_id not in self._graphs:
            self._graphs[customer.tenant_id] = GraphClient(
                self._graph_credential(customer.tenant_id),
                now=self.now,
                base_url=f"{self.settings.graph_url}/v1.0",
                user_agent=self.settings.user_agent,
                governor=self._governor(customer.tenant_id) if self.settings.graph_paced else None,
            ).open()
        return self._graphs[customer.tenant_id]

    def _governor(self, tenant_id: str) -> Governor:
        return Governor(
            now=self.now,
            monotonic=time.monotonic,
            sleep=asyncio.sleep,
            share=self.settings.graph_share,
            shared=self._pauses.of(tenant_id),
        )

    async def has_left(self, customer_id: str) -> bool:
        """Whether a customer has left: it takes no new backups."""
        return await self.retention_ledger.departure(customer_id) is not None

    def runs(self, customer: Customer) -> CustomerRuns:
        """The backup runs of a customer."""
        graph = self.graph(customer)
        return CustomerRuns(
            customer,
            runs=self.run_ledger,
            directory=TenantDirectory(graph),
            container=self.own_container(customer),
            agreement=lambda: self._agreement(customer.id),
            copiers=lambda kind, agreed: self._copier(customer, agreed, kind),
            now=self.now,
        )

    async def _agreement(self, customer_id: str) -> Agreement:
        terms, protection = await asyncio.gather(
            self.retention_ledger.terms(customer_id), self.protection_ledger.settings(customer_id)
        )
        return Agreement(terms, protection)

    async def plan(self, customer: Customer, asked: TenantSize) -> RunPlan:
        """How long the customer's first and daily runs take at least; see run_plan."""
        pace = await self._pauses.of(customer.tenant_id).read()
        known = asked if asked.licences is not None else replace(asked, licences=pace.licences)
        at_once, share = self.settings.resources_in_flight, self.settings.graph_share
        return await run_plan(self.run_ledger, customer.id, known, share=share, resources_at_once=at_once)

    def restores(self, customer: Customer) -> Restores:
        """The restores of a customer."""
        graph = self.graph(customer)
        targets: dict[ResourceKind, Target] = {
            ResourceKind.MAILBOX: MailboxTarget(graph),
            ResourceKind.DRIVE: DriveTarget(graph),
            ResourceKind.SITE: SiteTarget(graph),
            ResourceKind.TEAM: TeamTarget(graph),
        }
        budget = RestoreBudget(
            seconds=self.settings.slice_seconds, size_bytes=self.settings.slice_bytes, items=self.settings.slice_items
        )
        vault = self.vault(customer, self.settings.lease_terms)  # restores write nothing to it
        gates = self._browse_gate, self._start_gate
        return Restores(vault, targets, self.restore_journal, budget, self.now, *gates)

    def _copier(self, customer: Customer, agreed: Agreement, kind: ResourceKind) -> ResourceCopier:
        settings, versions = self.settings, agreed.protection.earlier_versions
        graph = self.graph(customer)
        sources: dict[ResourceKind, Source] = {
            ResourceKind.MAILBOX: MailboxSource(graph, recoverable_items=settings.recoverable_items),
            ResourceKind.SITE: SiteSource(graph, earlier_versions=versions, now=self.now),
            ResourceKind.DRIVE: DriveSource(graph, earlier_versions=versions, now=self.now),
            ResourceKind.TEAM: TeamSource(graph),
        }
        return ResourceCopier(
            customer.id,
            self.vault(customer, agreed.terms),
            sources[kind],
            self._damage.of(customer.id),
            agreed.terms,
            SliceBudget(settings.slice_bytes, settings.slice_seconds, settings.slice_items),
            self.now,
            time.monotonic,
        )

    def _store(self, customer: Customer) -> AzureBlobStore:
        """One for each customer, so that whether it is immutable is asked once."""
        if customer.id not in self._stores:
            mode: PolicyMode = "Locked" if self.settings.worm_locked else "Unlocked"
            self._stores[customer.id] = AzureBlobStore(self._blobs, customer.container_name, policy_mode=mode)
        return self._stores[customer.id]

    def _graph_credential(self, tenant_id: str) -> AsyncTokenCredential:
        settings = self.settings
        match settings.graph_credential:
            case GraphCredential.LOCAL_SECRET:
                return LocalTokenCredential.for_tenant(
                    settings.graph_url,
                    tenant_id,
                    settings.graph_client_id,
                    settings.graph_client_secret,
                    now=self.now,
                )
            case GraphCredential.CLIENT_SECRET:
                return secret_credential(tenant_id, settings.graph_client_id, settings.graph_client_secret)
            case GraphCredential.CERTIFICATE:
                certificate = Path(settings.graph_certificate_path).read_bytes()
                return certificate_credential(tenant_id, settings.graph_client_id, certificate)
            case GraphCredential.MANAGED_IDENTITY:
                return federated_credential(tenant_id, settings.graph_client_id)


def _is_customer_id(value: str) -> bool:
    try:
        check_customer_id(value)
    except InvalidIdError:
        return False
    return True


@cache
def application() -> Application:
    """The process's Application, made of its environment. Raises ConfigError that names every problem."""
    return Application(load_settings(os.environ), lambda: datetime.now(UTC))
