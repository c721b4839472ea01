"""Retention over HTTP, on the whole service: the store here enforces nothing, and the service says so."""

from __future__ import annotations

import time
from typing import Any

from azure.data.tables import TableServiceClient
from azure.storage.blob import ContainerClient

from tests.end_to_end.service import Customer, Service


def _leases(service: Service, customer: Customer) -> list[str]:
    container = ContainerClient.from_connection_string(service.stack.blob_connection_string, f"vault-{customer.id}")
    with container:
        return [blob.tags["leased_until"] for blob in container.list_blobs(include=["tags"])]


def _backed_up(customer: Customer) -> dict[str, Any]:
    user = customer.add_user()
    customer.edit("generate_items", user, count=3)
    customer.edit("put_file", user, path="a/b.txt", data=b"content")
    customer.run()
    return user


def test_everything_is_leased_and_a_longer_retention_renews_it(service: Service, customer: Customer) -> None:
    _backed_up(customer)
    before = _leases(service, customer)
    assert before
    terms = customer.get("/retention")
    assert (terms["retention_days"], terms["lease_days"]) == (90, 127)
    answer = service.call("PUT", f"/api/customers/{customer.id}/retention", {"retention_days": 400})
    assert answer.json()["lease_days"] == 437
    customer.run()
    assert min(_leases(service, customer)) > max(before)


def test_terms_that_cannot_be_kept_are_refused_with_their_arithmetic(service: Service, customer: Customer) -> None:
    answer = service.call("PUT", f"/api/customers/{customer.id}/retention", {"retention_days": 145_999})
    assert answer.status_code == 400
    assert "R + C + M = 145999 + 30 + 7" in answer.json()["detail"]


def test_a_snapshot_verifies_and_a_hold_is_noted(service: Service, customer: Customer) -> None:
    resource = customer.resource("drive", _backed_up(customer))
    base = f"/api/customers/{customer.id}"
    report = service.call("POST", f"{base}/resources/{resource}/snapshots/1/verify").json()
    assert (report["ok"], report["packs"]) == (True, 1)
    assert service.call("PUT", f"{base}/holds/{resource}", {"reason": "case 7"}).status_code == 200
    [hold] = customer.get("/holds")["holds"]
    assert (hold["resource_id"], hold["reason"], hold["lifted_at"]) == (resource, "case 7", None)
    assert service.call("DELETE", f"{base}/holds/{resource}", {"reason": "case 7"}).json()["lifted_at"]
    assert service.call("DELETE", f"{base}/holds/{resource}", {"reason": "another"}).status_code == 404


def test_the_daily_pass_looks_at_every_customer(service: Service, customer: Customer) -> None:
    _backed_up(customer)
    assert service.call("POST", "/admin/functions/retention_timer").status_code == 202
    deadline = time.monotonic() + 60
    while (last := customer.get("/retention")["last_pass"]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (last["expired"], last["overdue"]) == (0, 0)
    assert last["leased"] > 0


def test_the_purge_job_deletes_what_is_overdue_and_nothing_else(service: Service, customer: Customer) -> None:
    _backed_up(customer)
    container = ContainerClient.from_connection_string(service.stack.blob_connection_string, f"vault-{customer.id}")
    with container:
        before = {blob.name for blob in container.list_blobs()}
        overdue = next(name for name in sorted(before) if "/packs/" in name)
        tagged = {"leased_until": "20260101T000000Z", "retention": "expired", "expired_on": "2026-01-02"}
        container.get_blob_client(overdue).set_blob_tags(tagged)
        assert service.call("POST", "/admin/functions/purge_timer").status_code == 202
        deadline = time.monotonic() + 60
        while overdue in (left := {blob.name for blob in container.list_blobs()}):
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert before - left == {overdue}


def test_a_store_that_enforces_nothing_is_named_in_every_report(service: Service, customer: Customer) -> None:
    resource = customer.resource("drive", _backed_up(customer))
    verified = f"/api/customers/{customer.id}/resources/{resource}/snapshots/1/verify"
    reports = [
        service.call("GET", "/api/health").json(),
        customer.get("/retention"),
        customer.get(f"/runs/{customer.get('/runs')['runs'][0]['run_id']}"),
        service.call("POST", verified).json(),
    ]
    assert [len(report["warnings"]) for report in reports] == [1] * 4
    assert all(report["warnings"][0].startswith("NOT IMMUTABLE") for report in reports)


def test_who_has_left_takes_no_new_backups_and_keeps_what_is_there(service: Service, customer: Customer) -> None:
    _backed_up(customer)
    base = f"/api/customers/{customer.id}"
    assert service.call("POST", f"{base}/departure").status_code == 202
    refused = service.call("POST", f"{base}/runs")
    assert (refused.status_code, "has left" in refused.json()["detail"]) == (409, True)
    departure = customer.get("/departure")
    assert departure["certificate"] is None
    assert len(departure["inventory"]["resources"]) >= 2


def test_a_lost_ledger_is_rebuilt_from_the_vaults(service: Service, customer: Customer) -> None:
    user = _backed_up(customer)
    before = customer.get("/resources")["resources"]
    with TableServiceClient.from_connection_string(service.stack.blob_connection_string) as tables:
        for name in ("customers", "resources"):
            table = tables.get_table_client(name)
            for entity in list(table.list_entities()):
                if customer.id in (entity["PartitionKey"], entity["RowKey"]):
                    table.delete_entity(entity)
    assert service.call("GET", f"/api/customers/{customer.id}").status_code in (200, 404)
    assert service.call("POST", "/api/recovery").status_code == 200
    assert customer.get("/resources")["resources"] == before
    customer.edit("delete_file", user, path="a")
    customer.restore(customer.resource("drive", user), seq=1, selection={"everything": True})
    assert [record["path"] for record in customer.oracle(user, "drive") if record["record"] == "file"]
