"""What is reported as immutable: a container that enforces WORM, with policies that nobody can take off."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from shared_code import wiring
from shared_code.config import load_settings
from shared_code.model.resource import Customer
from shared_code.wiring import Application

CUSTOMER = Customer("acme", "Acme", "11111111-2222-3333-4444-555555555555")
LOCAL = {
    "BACKUP_STORAGE_CONNECTION": "UseDevelopmentStorage=true",
    "BACKUP_LOCAL_RUN": "true",
    "GRAPH_CLIENT_ID": "app",
    "GRAPH_CREDENTIAL": "local_secret",
    "GRAPH_CLIENT_SECRET": "not-a-secret",
    "GRAPH_URL": "http://127.0.0.1:9",
}


@pytest.mark.parametrize(
    ("mode", "container_is", "reported"),
    [("locked", True, True), ("locked", False, False), ("unlocked", True, False), ("unlocked", False, False)],
)
async def test_unlocked_policies_are_never_reported_as_immutable(
    monkeypatch: pytest.MonkeyPatch, mode: str, container_is: bool, reported: bool
) -> None:
    async def is_immutable() -> bool:
        return container_is

    def store(*args: Any, **options: Any) -> Any:
        assert options["policy_mode"] == mode.capitalize()
        return SimpleNamespace(is_immutable=is_immutable)

    monkeypatch.setattr(wiring, "AzureBlobStore", store)
    settings = load_settings({**LOCAL, "BACKUP_WORM_MODE": mode})
    app = Application(settings, lambda: datetime.now(UTC))
    container = app.own_container(CUSTOMER)
    assert await container.is_immutable() is reported
    assert await container.prepare() is reported
