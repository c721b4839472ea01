"""A tenant of the simulator with one person, and the product's client signed in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.tenant.control.client import TenantControl
from local.tenant.server import SimulatorThread
from shared_code.graph.client import GraphClient
from shared_code.graph.credentials import LocalTokenCredential
from shared_code.model.resource import Resource, ResourceKind

SECRET = "s3cret-of-the-test"


async def no_sleep(seconds: float) -> None:
    """Retries without waiting."""


@dataclass
class SimulatedTenant:
    """``user`` is the person's principal name."""

    simulator: SimulatorThread
    id: str
    user: str
    user_id: str
    mailbox_id: str
    drive_id: str

    @property
    def control(self) -> TenantControl:
        return self.simulator.control

    @property
    def mailbox(self) -> Resource:
        attributes = {"mailbox_id": self.mailbox_id, "user_id": self.user_id, "purpose": "user"}
        return Resource(ResourceKind.MAILBOX, self.user_id, "Ada", attributes)

    @property
    def drive(self) -> Resource:
        return Resource(ResourceKind.DRIVE, self.drive_id, "Ada", {"user_id": self.user_id})

    @asynccontextmanager
    async def client(self, roles: Sequence[str] | None = None, **options: Any) -> AsyncIterator[GraphClient]:
        """A client with every permission, or with exactly these."""
        app = "backup-app"
        if roles is not None:
            app = "other-app"
            self.control.add_app(self.id, app, SECRET, roles)
        credential = LocalTokenCredential.for_tenant(
            self.simulator.url, self.id, app, SECRET, now=lambda: datetime.now(UTC)
        )
        options.setdefault("sleep", no_sleep)
        async with GraphClient(
            credential, now=lambda: datetime.now(UTC), base_url=f"{self.simulator.url}/v1.0", **options
        ) as client:
            yield client


def simulated_tenants() -> Iterator[SimulatedTenant]:
    """The body of a fixture."""
    with SimulatorThread() as simulator:
        tenant = simulator.control.create_tenant(secret=SECRET)["id"]
        person = simulator.control.add_user(tenant, "Ada Lovelace")
        yield SimulatedTenant(simulator, tenant, person["upn"], person["id"], person["mailbox_id"], person["drive_id"])
