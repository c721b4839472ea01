"""Retention over HTTP, on the whole service: the store here enforces nothing, and the service says so."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import ContainerClient

from tests.end_to_end.service import Customer, Service


def _leases(service: Service, customer: Customer) -> list[str]:
    container = ContainerClient.from_connection_string(service.stack.blob_connection_string, f"vault-{customer.id}")
    with container:
        blobs = list(container.list_blobs(include=["tags"]))
    # Of the records of the customer the newest counts; the others end on the terms of their day.
    return [blob.tags["leased_until"] for blob in blobs if not blob.name.startswith("customer/")]


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
    answer = service.call("PUT", f"/api/customers/{customer.id}/retention", {"retention_days": 3_651})
    assert (answer.status_code, "BACKUP_MOST_RETENTION_DAYS" in answer.json()["detail"]) == (400, True)
    assert customer.get("/retention")["retention_days"] == 90


def test_a_snapshot_verifies_and_a_hold_is_noted(service: Service, customer: Customer) -> None:
    resource = customer.resource("drive", _backed_up(customer))
    base = f"/api/customers/{customer.id}"
    report = service.call("POST", f"{base}/resources/{resource}/snapshots/1/verify").json()
    assert (report["ok"], report["packs"]) == (True, 1)
    assert service.call("PUT", f"{base}/holds/{resource}", {"reason": "case 7"}).json()["held_blobs"] >= 3
    [hold] = customer.get("/holds")["holds"]
    assert (hold["resource_id"], hold["reason"], hold["lifted_at"]) == (resource, "case 7", None)
    assert service.call("DELETE", f"{base}/holds/{resource}", {"reason": "case 7"}).json()["lifted_at"]
    unknown = service.call("DELETE", f"{base}/holds/{resource}", {"reason": "another"})
    assert (unknown.status_code, unknown.json()["title"]) == (404, "Hold not found")
    nobody = service.call("PUT", f"{base}/holds/drive.nobody", {"reason": "case 7"})
    assert (nobody.status_code, nobody.json()["title"]) == (404, "Resource not found")
    assert service.call("POST", f"{base}/resources/{resource}/snapshots/2/verify").status_code == 404


@pytest.mark.parametrize("resource", ["drive.x%0AERROR%20forged", "drive.x%00", "..%2Fother", "drive.x%2F..%2Fy"])
def test_a_resource_id_that_is_none_is_refused(service: Service, customer: Customer, resource: str) -> None:
    base = f"/api/customers/{customer.id}"
    for method, path, body in (
        ("POST", f"{base}/resources/{resource}/snapshots/1/verify", None),
        ("PUT", f"{base}/holds/{resource}", {"reason": "case 7"}),
        ("DELETE", f"{base}/holds/{resource}", {"reason": "case 7"}),
        ("GET", f"{base}/resources/{resource}/snapshots", None),
        ("GET", f"{base}/resources/{resource}/snapshots/1/items", None),
        ("GET", f"{base}/resources/{resource}/snapshots/1/missing", None),
    ):
        answer = service.call(method, path, body)
        # A route may not match at all where the id has a slash in it.
        assert answer.status_code == 400 or (answer.status_code == 404 and "%2F" in resource), (
            method,
            path,
            answer.text,
        )


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
        service.call("GET", "/api/stores").json(),
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


def _lose_the_ledger(service: Service, customer_ids: Collection[str]) -> None:
    """Every row of these customers is gone, of every table."""
    with TableServiceClient.from_connection_string(service.stack.blob_connection_string) as tables:
        for item in list(tables.list_tables()):
            table = tables.get_table_client(item.name)
            for entity in list(table.list_entities(select=["PartitionKey", "RowKey"])):
                keys = (entity["PartitionKey"], entity["RowKey"])
                if any(customer_id in key for customer_id in customer_ids for key in keys):
                    table.delete_entity(entity)


def _held(service: Service, customer: Customer) -> set[str]:
    container = ContainerClient.from_connection_string(service.stack.blob_connection_string, f"vault-{customer.id}")
    with container:
        return {blob.name for blob in container.list_blobs(include=["tags"]) if "legal_hold" in (blob.tags or {})}


def _daily_pass(service: Service, customer: Customer) -> None:
    assert service.call("POST", "/admin/functions/retention_timer").status_code == 202
    deadline = time.monotonic() + 60
    while customer.get("/retention")["last_pass"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lost_ledger_is_rebuilt_from_the_vaults(service: Service, customer: Customer) -> None:
    user = _backed_up(customer)
    drive, base = customer.resource("drive", user), f"/api/customers/{customer.id}"
    gone = service.onboard()
    _backed_up(gone)
    held = service.call("PUT", f"{base}/holds/{drive}", {"reason": "case 7"}).json()
    assert held["held_blobs"] >= 3
    assert service.call("PUT", f"{base}/retention", {"retention_days": 400}).status_code == 200
    assert service.call("PUT", f"{base}/protection", {"earlier_versions": 9}).status_code == 200
    assert service.call("POST", f"/api/customers/{gone.id}/departure").status_code == 202
    paths = ("", "/resources", "/holds", "/protection")
    before = [customer.get(path) for path in paths]
    left, held_blobs = gone.get(""), _held(service, customer)
    assert left["left_at"]
    assert {name.split("/")[1] for name in held_blobs} >= {"packs", "snapshots", "catalog"}

    _lose_the_ledger(service, [customer.id, gone.id])
    assert service.call("GET", base).status_code == 404
    found = service.call("POST", "/api/recovery").json()["customers"]

    back = {entry["customer_id"]: entry["brought_back"] for entry in found}
    assert back[customer.id] == {
        "retention_days": 400,
        "protection": {"earlier_versions": 9},
        "holds": [{"resource_id": drive, "reason": "case 7"}],
        "left_at": None,
    }
    assert back[gone.id]["left_at"] == left["left_at"]
    assert [customer.get(path) for path in paths] == before
    assert customer.get("/retention")["retention_days"] == 400
    assert gone.get("") == left
    assert service.call("POST", f"/api/customers/{gone.id}/runs").status_code == 409
    _daily_pass(service, customer)
    assert _held(service, customer) >= held_blobs
    customer.edit("delete_file", user, path="a")
    customer.restore(drive, seq=1, selection={"everything": True})
    assert [record["path"] for record in customer.oracle(user, "drive") if record["record"] == "file"]


def test_a_departure_can_be_taken_back(service: Service, customer: Customer) -> None:
    _backed_up(customer)
    base = f"/api/customers/{customer.id}"
    assert service.call("DELETE", f"{base}/departure").status_code == 404
    service.call("POST", f"{base}/departure")
    assert customer.get("")["left_at"]
    assert service.call("DELETE", f"{base}/departure").json()["undone_at"]
    assert service.call("DELETE", f"{base}/departure").status_code == 200
    assert customer.get("")["left_at"] is None
    assert service.call("GET", f"{base}/departure").status_code == 404
    customer.run()
