"""A whole tenant is backed up, destroyed and restored, and nobody's chats are ever asked for."""

from __future__ import annotations

import re
from typing import Any

from local.product_settings import APP_CLIENT_SECRET
from local.tenant.plain_client import PlainClient
from tests.end_to_end import test_sites, test_teams
from tests.end_to_end.service import Customer
from tests.fakes.example_site import fill_site

_ROOTS = {"mailbox": "admin", "drive": "drives", "site": "sites", "team": "teams"}  # of each workload's own requests


def _own(customer: Customer, since: int) -> list[dict[str, Any]]:
    return [entry for entry in customer.control.log(since) if entry["tenant"] == customer.tenant_id]


def _to_chats(log: list[dict[str, Any]]) -> list[str]:
    """Requests for chats: to a segment of that name, or so named by the simulator."""
    return [
        entry["path"]
        for entry in log
        if entry["operation"].startswith("chat") or re.search(r"/chats?\b", entry["path"], re.IGNORECASE)
    ]


def test_a_whole_tenant_comes_back_without_a_request_for_chats(customer: Customer) -> None:
    control, tenant = customer.control, customer.tenant_id
    since = control.log_position()
    team = test_teams.filled(customer)
    site = fill_site(control, tenant).site
    user = customer.add_user("Eve")
    message = control.add_message(tenant, user["id"], b"Subject: Hello\r\n\r\nHello\r\n", folder="inbox")
    customer.edit("put_file", user, path="Microsoft Teams Chat Files/shared.docx", data=b"shared in a chat")
    truths = [customer.oracle(user, kind) for kind in ("mailbox", "drive")]
    site_truth, team_truth = test_sites.truth(customer, site), team.truth()

    run = customer.run()
    assert (run["totals"]["failed"], run["counts"]["failed"]) == (0, 0)
    customer.edit("delete_item", user, item=message)
    customer.edit("delete_file", user, path="Microsoft Teams Chat Files")
    test_sites.destroy(customer, site)
    test_teams.destroyed(team)
    chosen = {"seq": 1, "selection": {"everything": True}, "conflict": "replace"}
    ids = [customer.resource(kind, user) for kind in ("mailbox", "drive")]
    for resource_id in (*ids, test_sites.resource_of(site), team.resource):
        restore = customer.restore(resource_id, **chosen)
        assert restore["counts"]["failed"] == restore["counts"]["differs"] == 0, restore["problems"]

    assert [customer.oracle(user, kind) for kind in ("mailbox", "drive")] == truths, (
        "files of chats come as the drive's"
    )
    assert test_sites.truth(customer, site) == site_truth
    for of in ("message", "channel"):
        assert test_teams.restorable(team.truth(), of=of) == test_teams.restorable(team_truth, of=of)
    log = _own(customer, since)
    asked = {entry["path"].split("/")[2] for entry in log if entry["path"].startswith("/v1.0/")}
    assert set(_ROOTS.values()) <= asked, "every workload is in the log"
    assert _to_chats(log) == []


def test_a_request_for_chats_would_be_in_the_log(customer: Customer) -> None:
    user = customer.add_user()
    since = customer.control.log_position()
    client = PlainClient(customer.service.stack.tenant_url, customer.tenant_id, APP_CLIENT_SECRET)
    try:
        paths = (
            "/chats",
            f"/users/{user['id']}/chats",
            "/chats/1/messages",
            f"/users/{user['id']}/chats/getAllMessages",
        )
        asked = [{"id": "1", "method": "GET", "url": paths[1]}]
        assert client.post("/$batch", {"requests": asked}).json()["responses"][0]["status"] == 403
        for path in paths:
            assert client.get(path).status == 403
    finally:
        client.close()
    assert len(_to_chats(_own(customer, since))) == len(paths) + 1
