"""One simulator for a test module; every test gets a tenant of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.tenant.plain_client import PlainClient
from local.tenant.server import SimulatorThread

SECRET = "s3cret"


class World:
    """A tenant with one person, its control client and a signed-in client."""

    def __init__(self, simulator: SimulatorThread, **settings: Any) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.tenant = str(self.control.create_tenant(secret=SECRET, settings=settings)["id"])
        self.user = self.control.add_user(self.tenant, "Ada Alder")
        self.key = str(self.user["id"])
        self.graph = PlainClient(simulator.url, self.tenant, SECRET)
        self.mailbox = f"/admin/exchange/mailboxes/{self.user['mailbox_id']}"
        self.drive = f"/drives/{self.user['drive_id']}"

    def client_with(self, *roles: str) -> PlainClient:
        """Return a client of an app that has these roles alone."""
        self.control.add_app(self.tenant, "limited", SECRET, roles)
        return PlainClient(self.simulator.url, self.tenant, SECRET, "limited")

    def truth(self, kind: str = "mailbox") -> list[dict[str, Any]]:
        """Return the oracle's records."""
        return list(self.control.oracle(self.tenant, self.key, kind))


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread() as running:
        yield running


@pytest.fixture
def make_world(simulator: SimulatorThread) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        worlds.append(World(simulator, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.graph.close()
        simulator.control.delete_tenant(world.tenant)
    simulator.control.clear_faults()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
