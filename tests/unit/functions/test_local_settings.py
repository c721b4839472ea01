"""The example of settings for the ordinary Functions tools starts the app."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from azure.data.tables.aio import TableServiceClient

from local.product_settings import APP_CLIENT_ID, APP_CLIENT_SECRET
from shared_code.config import load_settings

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def values() -> dict[str, str]:
    example = json.loads((_ROOT / "local.settings.json.example").read_text(encoding="utf-8"))
    return dict(example["Values"])


def test_the_app_starts_with_it(values: dict[str, str]) -> None:
    settings = load_settings(values)
    assert settings.local_run
    assert (settings.graph_client_id, settings.graph_client_secret) == (APP_CLIENT_ID, APP_CLIENT_SECRET)
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"


async def test_the_ledger_takes_its_connection(values: dict[str, str]) -> None:
    async with TableServiceClient.from_connection_string(load_settings(values).storage_connection) as service:
        assert service.account_name == "devstoreaccount1"


def test_the_readme_says_how_its_tenant_is_started(values: dict[str, str]) -> None:
    port = values["GRAPH_URL"].rpartition(":")[2]
    assert f"python -m local.tenant --port {port}" in (_ROOT / "README.md").read_text(encoding="utf-8")
