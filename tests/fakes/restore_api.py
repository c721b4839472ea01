"""The HTTP surface of restores and their orchestrator on the local host, over vault, journal and target in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import aiohttp
import azure.durable_functions as df

from functions import browse, restore_work
from functions import restore as restore_functions
from shared_code.errors import CustomerNotFoundError, IntegrityError
from shared_code.model.resource import Customer, Resource, ResourceKind
from shared_code.model.restore import Restore, RestoreRequest, RestoreState, Selection
from shared_code.model.snapshot import Snapshot
from shared_code.model.write_back import RestoreItem, Written
from shared_code.restore.restores import Restores
from shared_code.restore.results import RestoreBudget
from shared_code.restore.starting import record_once
from tests.fakes.restore_world import (
    MAILBOX,
    START,
    Catalog,
    Crashes,
    MemoryArchive,
    MemoryJournal,
    MemoryTarget,
    MemoryTargetSession,
    Ticking,
)

app = df.DFApp()
app.register_functions(browse.bp)
app.register_functions(restore_functions.bp)
app.register_functions(restore_work.bp)

CUSTOMER = Customer("acme", "Acme", "11111111-2222-3333-4444-555555555555")
EVERYTHING = {"resource": MAILBOX.id, "seq": 1, "selection": {"everything": True}}


class Customers:
    async def get(self, customer_id: str) -> Customer:
        if customer_id == "other":
            return Customer("other", "Other", CUSTOMER.tenant_id)
        if customer_id != CUSTOMER.id:
            raise CustomerNotFoundError("There is no such customer.")
        return CUSTOMER

    async def all(self) -> list[Customer]:
        return [CUSTOMER]


class GatedTarget(MemoryTarget):
    """Writes nothing while its gate is closed."""

    def __init__(self, crashes: Crashes) -> None:
        super().__init__(crashes)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reached = asyncio.Event()

    def open(self, resource: Resource) -> MemoryTargetSession:
        super().open(resource)
        return _GatedSession(self)


class _GatedSession(MemoryTargetSession):
    async def write(self, items: Sequence[RestoreItem]) -> AsyncIterator[Written]:
        target = self._target
        assert isinstance(target, GatedTarget)
        target.reached.set()
        await target.gate.wait()
        async for written in super().write(items):
            yield written


class BreakingArchive(MemoryArchive):
    """Raises what it is told to when a slice opens the catalog; the check of the request opens it first."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__({1: catalog})
        self.trouble: list[Exception] = []
        self.damaged: set[int] = set()

    async def snapshot(self, resource_id: str, seq: int) -> Snapshot:
        if seq in self.damaged:
            raise IntegrityError("The record is damaged.")
        return await super().snapshot(resource_id, seq)

    async def open_reader(self, segments: Any) -> Any:
        if self.readers and self.trouble:
            raise self.trouble.pop()
        return await super().open_reader(segments)


@dataclass
class RestoreApi:
    archive: BreakingArchive
    journal: MemoryJournal
    target: GatedTarget
    http: aiohttp.ClientSession
    customers: Customers
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    start_gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    @property
    def restore_journal(self) -> MemoryJournal:
        return self.journal

    def now(self) -> datetime:
        return START

    def restores(self, customer: Customer) -> Restores:
        archive = self.archive if customer is CUSTOMER else MemoryArchive({})
        budget = RestoreBudget(seconds=300, size_bytes=1 << 30, items=1)
        return Restores(
            archive, {ResourceKind.MAILBOX: self.target}, self.journal, budget, Ticking(), self.gate, self.start_gate
        )

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(f"/api/customers/{path}") as reply:
            text = await reply.text()
            assert text.isascii()
            return reply.status, json.loads(text)

    async def post(self, body: Any, customer: str = "acme", key: str | None = None) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, str) else json.dumps(body)
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.http.post(f"/api/customers/{customer}/restores", data=data, headers=headers) as reply:
            answer = await reply.json(content_type=None)
            assert reply.headers.get("Location") == answer.get("status_url")
            return reply.status, answer

    async def cancel(self, restore_id: str, body: str = "") -> tuple[int, dict[str, Any]]:
        async with self.http.post(f"/api/customers/acme/restores/{restore_id}/cancel", data=body) as reply:
            return reply.status, await reply.json(content_type=None)

    async def died_before_its_start(self, started_at: datetime = START) -> str:
        """A restore of everything that is recorded, and whose host died before it told the engine."""
        request = RestoreRequest(f"restore-acme-{uuid4().hex}", "acme", MAILBOX.id, 1, Selection(everything=True))
        await record_once(self.journal, Restore(request, RestoreState.RUNNING, started_at), None)
        return request.id

    async def ended(self, status_url: str) -> dict[str, Any]:
        for _ in range(600):
            status, body = await self.get(status_url.removeprefix("/api/customers/"))
            assert status == 200
            if body["state"] != "running":
                return dict(body)
            await asyncio.sleep(0.05)
        raise AssertionError("the restore does not end")
