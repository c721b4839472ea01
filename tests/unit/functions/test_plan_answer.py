"""GET customers/{customer}/plan."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from functions import customers
from shared_code.backup.run_plan import RunPlan, run_plan
from shared_code.backup.schedule import NightlyWindow
from shared_code.model.tenant_size import TenantSize
from tests.fakes.memory_runs import MemoryRuns
from tests.fakes.run_office import CUSTOMER


@pytest.fixture(autouse=True)
def _application(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(customer_id: str) -> Any:
        assert customer_id == CUSTOMER.id
        return CUSTOMER

    async def plan(customer: Any, asked: TenantSize) -> RunPlan:
        return await run_plan(MemoryRuns(), customer.id, asked, share=0.8, resources_at_once=8)

    app = SimpleNamespace(customers=SimpleNamespace(get=get), plan=plan, window=NightlyWindow(20, 8))
    monkeypatch.setattr(customers, "application", lambda: app)


async def ask(**params: str) -> tuple[int, Any]:
    request = func.HttpRequest("GET", "/api/plan", params=params, route_params={"customer": CUSTOMER.id}, body=b"")
    handler = customers.get_plan._function.get_user_function()
    answer = await handler(request)
    return answer.status_code, json.loads(answer.get_body())


async def test_numbers_that_are_given_are_planned_with() -> None:
    status, body = await ask(mailboxes="1000", drives="1000", licences="1000")
    assert status == 200
    assert body["first"]["basis"] == "assumed"
    assert body["first"]["binding_limit"].startswith("sharepoint")
    assert body["first"]["kinds"]["mailbox"]["resources"] == 1000
    assert body["daily"]["seconds"] < body["first"]["seconds"]
    assert body["fits_window"] is (body["daily"]["seconds"] <= 8 * 3600)
    assert body["licences"] == 1000


async def test_nothing_known_and_nonsense_say_what_to_do() -> None:
    status, body = await ask()
    assert status == 400 and "start a run" in body["detail"]
    status, body = await ask(drives="many")
    assert status == 400 and "drives" in body["detail"]
