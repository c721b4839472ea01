"""The whole service on one machine, driven as its users drive it: the tenant through its control interface, the
service through its HTTP API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx

from local.product_settings import APP_CLIENT_SECRET
from local.services import Stack
from local.tenant.control.client import TenantControl

DEADLINE_S = 120.0


@dataclass
class Service:
    """One stack. Several customers with a tenant each may live in it."""

    stack: Stack

    @cached_property
    def control(self) -> TenantControl:
        return TenantControl(self.stack.tenant_url)

    def close(self) -> None:
        self.control.close()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return httpx.request(method, f"{self.stack.host_url}{path}", json=body, timeout=60, **options)

    def onboard(self, **tenant: Any) -> Customer:
        """A new customer with a new, empty tenant."""
        tenant_id = str(self.control.create_tenant(secret=APP_CLIENT_SECRET, **tenant)["id"])
        customer = Customer(self, f"c{uuid.uuid4().hex[:12]}", tenant_id)
        answer = self.call("PUT", f"/api/customers/{customer.id}", {"display_name": "Test", "tenant_id": tenant_id})
        assert answer.status_code == 201, answer.text
        return customer


@dataclass
class Customer:
    """A customer of the service, and its tenant."""

    service: Service
    id: str
    tenant_id: str

    @property
    def control(self) -> TenantControl:
        return self.service.control

    def get(self, path: str, **options: Any) -> dict[str, Any]:
        answer = self.service.call("GET", f"/api/customers/{self.id}{path}", **options)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def start_run(self) -> str:
        answer = self.service.call("POST", f"/api/customers/{self.id}/runs")
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def run(self, expect: str = "complete") -> dict[str, Any]:
        """A whole run; the state it must end in is ``expect``."""
        run = self.wait(f"/runs/{self.start_run()}")
        assert run["state"] == expect, run
        return run

    def restore(self, resource_id: str, expect: str = "complete", **request: Any) -> dict[str, Any]:
        """A whole restore; the state it must end in is ``expect``."""
        body = {"resource": resource_id, **request}
        answer = self.service.call("POST", f"/api/customers/{self.id}/restores", body)
        assert answer.status_code == 202, answer.text
        restore = self.wait(f"/restores/{answer.json()['restore_id']}")
        assert restore["state"] == expect, restore
        return restore

    def wait(self, path: str) -> dict[str, Any]:
        """Poll until ``state`` is no longer running."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            body = self.get(path)
            if body["state"] != "running":
                return body
            time.sleep(0.05)
        raise AssertionError(f"{path} still runs after {DEADLINE_S} s: {body}")

    def resource(self, kind: str, user: Mapping[str, Any]) -> str:
        """Id of somebody's mailbox or drive."""
        source_id = user["id"] if kind == "mailbox" else user["drive_id"]
        return f"{kind}.{source_id}"

    def oracle(self, user: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
        """The truth about somebody's mailbox or drive, without ids."""
        return list(self.control.oracle(self.tenant_id, str(user["id"]), kind))

    def add_user(self, name: str = "Ada", **more: Any) -> dict[str, Any]:
        return dict(self.control.add_user(self.tenant_id, name, **more))

    def edit(self, op: str, user: Mapping[str, Any], **fields: Any) -> Any:
        """One edit of the tenant by one of its people."""
        return getattr(self.control, op)(self.tenant_id, str(user["id"]), **fields)
