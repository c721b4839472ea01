"""The service with the pace of production: it keeps below the limits of a tenant that enforces them, and tells how long
runs take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.product_settings import product_settings
from local.services import Stack
from tests.end_to_end.service import Service


@pytest.fixture
def paced() -> Iterator[Service]:
    with Stack(host_env=lambda stack: {**product_settings(stack), "GRAPH_PACE": "documented"}) as stack:
        service = Service(stack)
        yield service
        service.close()


def test_a_run_below_the_limits_and_its_plan(paced: Service) -> None:
    customer = paced.onboard(settings={"limits": True, "request_duration_s": 0.02})
    users = [customer.add_user("Ada"), customer.add_user("Bea")]
    for user in users:
        customer.edit("generate_items", user, count=30)
        customer.edit("generate_files", user, count=40, file_size_bytes=2_000)
    refused = paced.call("GET", f"/api/customers/{customer.id}/plan")
    assert refused.status_code == 400 and "start a run" in refused.json()["detail"]
    assert customer.get("/plan", params={"drives": "100"})["first"]["basis"] == "assumed"

    run = customer.run()
    assert run["counts"]["stored"] == 142  # the settings of two mailboxes among them
    seen = customer.control.limits(customer.tenant_id)
    assert seen["refused"] == {}
    assert seen["counted"] > 150
    assert seen["most_at_once"] == 4

    plan = customer.get("/plan")
    assert plan["licences"] == 2
    assert plan["first"]["basis"] == "measured"
    assert plan["first"]["kinds"]["drive"] == {"resources": 2, "items": 80, "size_bytes": 160_000}
    assert plan["first"]["binding_limit"]
    assert plan["fits_window"] is True
